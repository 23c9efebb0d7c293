import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { strangerAmong } from "../machines/harness/harnesses.ts";
import { type Address, addressOf, ROOT } from "../machines/ids.ts";
import type { RootContext } from "../machines/supervision/record.ts";
import { isFresh } from "../machines/supervision/slots.ts";
import { askActor } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { recordOf, stateOf } from "./stored-state.ts";
import { rootOf } from "./supervision.ts";

// Hosts
//
// Where workers of objectives run, and what holds the next one back: the gates of `scheduling`, as `supervisor/root` sees
// them (machines/supervision/slots.ts).

const Host = z.object({
  host: z.string(),
  /** Workers that hold a slot here, and how many may. */
  workers: z.number(),
  slots: z.number(),
  /** The last measurement, taken while somebody waits; null before the first. */
  measured: z
    .object({
      loadPerCore: z.number(),
      freeBytes: z.number(),
      at: z.number(),
      /** An old one holds nobody back. */
      counts: z.boolean(),
    })
    .nullable(),
});
const Place = { worker: z.string(), objective: z.string(), host: z.string(), harness: z.string() };
const Hosts = z.object({
  hosts: z.array(Host),
  /** The bounds: 0 of load and space is none. */
  bounds: z.object({ workers: z.number(), loadPerCore: z.number(), minFreeBytes: z.number() }),
  running: z.array(z.object({ ...Place, since: z.number() })),
  /** In the order in which they are served. */
  waiting: z.array(z.object({ ...Place, since: z.number(), reason: z.string() })),
  /** Limits that harnesses have reached, and when they are over. */
  limits: z.array(z.object({ harness: z.string(), until: z.number() })),
});
export type HostsView = z.infer<typeof Hosts>;

/** The host of the daemon itself. */
const OWN = "local";

/** `GET /hosts`, `DELETE /hosts/limits/:harness`. */
export function hostRoutes(app: App, edge: Edge): void {
  app.delete(
    "/hosts/limits/:harness",
    {
      schema: {
        tags: ["health"],
        summary: "Lift the limit of a harness: its workers may start again",
        params: z.object({ harness: z.string().min(1).max(64) }),
        response: { 200: Hosts },
      },
    },
    (request) => lifted(edge, request, request.params.harness),
  );
  app.get(
    "/hosts",
    {
      schema: {
        tags: ["health"],
        summary: "Where workers run, what is free there, and what the others wait for",
        response: { 200: Hosts },
      },
    },
    () => hostsOf(edge),
  );
}

async function lifted(edge: Edge, request: FastifyRequest, harness: string): Promise<HostsView> {
  const stranger = strangerAmong([{ harness }]);
  if (stranger !== undefined) {
    throw new Failure("HARNESS_UNKNOWN", `lift the limit of ${stranger}`);
  }
  // Who never had anything to look after knows of no limit.
  if (rootOf(edge) !== undefined) {
    await askActor(edge, request, { to: ROOT, type: "quota.over", data: { harness } });
  }
  const parked = edge.views.list({
    kind: "session",
    limit: MOST_PARKED,
    where: ({ facts }) => facts["limited"] === harness,
  });
  for (const { address } of parked) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, as they were parked
    await edge.system.ask({ to: address, type: "session.lift", data: {} });
  }
  return hostsOf(edge);
}

const MOST_PARKED = 10_000;

function hostsOf(edge: Edge): HostsView {
  const gates = edge.system.settings.scheduling;
  const { workers, slotsPerHost, loadPerCore, minFreeBytes } = gates;
  const { held, queue, samples, quotas } = rootOf(edge) ?? NOTHING;
  const names = new Set([OWN, ...held.map(({ host }) => host), ...Object.keys(samples)]);
  const at = edge.now();
  return {
    hosts: [...names].map((host) => {
      const sample = samples[host];
      return {
        host,
        workers: held.filter((slot) => slot.host === host).length,
        slots: slotsPerHost,
        measured: sample === undefined ? null : { ...sample, counts: isFresh(sample, gates, at) },
      };
    }),
    bounds: { workers, loadPerCore, minFreeBytes },
    running: held.map(({ at: since, ...place }) => ({ ...named(edge, place), since })),
    waiting: queue.map(({ at: since, ...place }) => ({ ...named(edge, place), since })),
    limits: quotas.filter(({ until }) => until > at).map((quota) => ({ ...quota })),
  };
}

/** With the harness of its project, where its worker was asked for without one. */
function named<Place extends { readonly objective: string; readonly harness: string }>(
  edge: Edge,
  place: Place,
): Place {
  if (place.harness !== "") return place;
  const { projectId } = contextOf(edge, addressOf("objective", place.objective));
  if (typeof projectId !== "string") return place;
  const { config } = contextOf(edge, addressOf("project", projectId));
  const { harness } = recordOf(recordOf(config)["worker"]);
  return typeof harness === "string" ? { ...place, harness } : place;
}

function contextOf(edge: Edge, address: Address): Record<string, unknown> {
  const row = edge.system.snapshot(address);
  return row === undefined ? {} : stateOf(row).context;
}

const NOTHING: Pick<RootContext, "held" | "queue" | "samples" | "quotas"> = {
  held: [],
  queue: [],
  samples: {},
  quotas: [],
};
