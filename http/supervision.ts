import { z } from "zod";
import type { PartsTree } from "../actors/parts.ts";
import { recentRestarts, type SupervisorState } from "../machines/supervision.ts";
import type { App, Edge } from "./edge.ts";
import { page } from "./schemas.ts";
import { stateOf } from "./session-view.ts";

// Supervision
//
// Who keeps whom up, and what that took: the daemon's own parts, and every actor that has children.

const Child = z.object({
  id: z.string(),
  epoch: z.number(),
  state: z.string(),
  lastCause: z.string().optional(),
  error: z.string().optional(),
});
const Tree = z.object({
  name: z.string(),
  phase: z.string(),
  strategy: z.string(),
  /** Restarts of one cause within the period before it gives up. */
  intensity: z.number(),
  periodMs: z.number(),
  restarts: z.record(z.string(), z.number()),
  dueAt: z.number().nullable(),
  parts: z.array(Child),
  pokes: z
    .array(
      z.object({
        n: z.number(),
        at: z.number(),
        after: z.string(),
        state: z.string(),
        outcome: z.string(),
      }),
    )
    .optional(),
});

/** What an actor that supervises keeps in its context. */
const Supervisor = z.looseObject({
  spec: z.looseObject({
    strategy: z.string(),
    intensity: z.number(),
    periodMs: z.number(),
  }),
  phase: z.string(),
  children: z.array(z.looseObject({ id: z.string(), epoch: z.number(), state: z.string() })),
  restarts: z.record(z.string(), z.array(z.number())),
  dueAt: z.number().nullable(),
});
const Pokes = z.array(
  z.object({
    n: z.number(),
    at: z.number(),
    after: z.string(),
    state: z.string(),
    outcome: z.string(),
  }),
);

/** `GET /supervision`. */
export function supervisionRoutes(app: App, edge: Edge): void {
  app.get(
    "/supervision",
    {
      schema: {
        tags: ["health"],
        summary: "The daemon's parts and the actors with children: budgets used, epochs, causes",
        querystring: page(z.string(), 500),
        response: {
          200: z.object({
            parts: z.array(Tree),
            actors: z.array(Tree.extend({ address: z.string() })),
            next: z.string().nullable(),
          }),
        },
      },
    },
    ({ query: { after, limit } }) => {
      const rows = edge.views.list({ after, limit: limit + 1, where: ({ isDone }) => !isDone });
      const shown = rows.slice(0, limit);
      const actors = shown.flatMap(({ address }) => {
        const tree = treeOf(edge, address);
        return tree === undefined ? [] : [{ ...tree, address }];
      });
      const parts = (edge.trees?.() ?? []).map(plainTree);
      return { parts, actors, next: rows.length > limit ? (shown.at(-1)?.address ?? null) : null };
    },
  );
}

function treeOf(
  { system, now }: Edge,
  address: Parameters<Edge["system"]["enabled"]>[0],
): z.infer<typeof Tree> | undefined {
  const row = system.store.snapshot(address);
  if (row === undefined) return undefined;
  const { context } = stateOf(row);
  const found = Supervisor.safeParse(context["supervisor"]);
  if (!found.success) return undefined;
  const { spec, phase, children, dueAt } = found.data;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape was checked as far as it is read
  const recent = recentRestarts(context["supervisor"] as SupervisorState, now());
  const pokes = Pokes.safeParse(context["pokes"]).data;
  return {
    name: address,
    phase,
    strategy: spec.strategy,
    intensity: spec.intensity,
    periodMs: spec.periodMs,
    restarts: countsOf(recent),
    dueAt,
    parts: children.map((child) => Child.parse(child)),
    ...(pokes !== undefined && pokes.length > 0 && { pokes: pokes.slice(-10) }),
  };
}

function plainTree({ parts, ...tree }: PartsTree): z.infer<typeof Tree> {
  const restarts = Object.entries(tree.restarts).map(([cause, n]) => [cause, n ?? 0] as const);
  return { ...tree, restarts: Object.fromEntries(restarts), parts: [...parts] };
}

function countsOf(restarts: SupervisorState["restarts"]): Record<string, number> {
  return Object.fromEntries(
    Object.entries(restarts)
      .map(([cause, times]) => [cause, times.length] as const)
      .filter(([, count]) => count > 0),
  );
}
