import { z } from "zod";
import type { App, Edge } from "./edge.ts";
import { Part } from "./health.ts";

/** Open orders that are looked at; more than these are in trouble anyway. */
const MOST_ORDERS = 2_000;

/** `GET /load`: what the daemon stands on and has to do, for people who look. */
export function loadRoute(app: App, edge: Edge): void {
  app.get(
    "/load",
    {
      schema: {
        tags: ["health"],
        summary: "Parts, lanes with open effects, the store and the bus",
        response: {
          200: z.object({
            isReady: z.boolean(),
            version: z.string(),
            parts: z.array(Part),
            lanes: z.array(z.object({ lane: z.string(), open: z.number(), oldestAt: z.number() })),
            rows: z.record(z.string(), z.number()),
            bytes: z.number(),
            journalBytes: z.number(),
            bus: z.string(),
          }),
        },
      },
    },
    () => {
      const { isReady, parts } = edge.health();
      const { store, bus } = edge.system;
      const { rows, bytes, journalBytes } = store.stats();
      const state = bus.state();
      return {
        isReady,
        version: edge.version,
        parts: [...parts],
        lanes: lanesOf(edge),
        rows: { ...rows },
        bytes,
        journalBytes,
        bus: state.type === "down" ? `down: ${state.reason}` : state.type,
      };
    },
  );
}

function lanesOf({ system }: Edge): { lane: string; open: number; oldestAt: number }[] {
  const lanes = new Map<string, { lane: string; open: number; oldestAt: number }>();
  for (const { order, at } of system.store.outbox({ limit: MOST_ORDERS })) {
    if (order.type !== "effect") continue;
    const { lane } = order;
    const before = lanes.get(lane) ?? { lane, open: 0, oldestAt: at };
    lanes.set(lane, { lane, open: before.open + 1, oldestAt: Math.min(before.oldestAt, at) });
  }
  return [...lanes.values()];
}
