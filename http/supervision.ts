import { z } from "zod";
import type { PartsTree } from "../actors/parts.ts";
import { recentRestarts, type SupervisorState } from "../machines/supervision/supervision.ts";
import { addressOf, KINDS, ROOT, splitAddress, type Address } from "../machines/ids.ts";
import type { RootContext } from "../machines/supervision/record.ts";
import type { App, Edge } from "./edge.ts";
import { page } from "./schemas.ts";
import { stateOf } from "./stored-state.ts";

// Supervision
//
// Who keeps whom up, and what that took: the daemon's own parts, and every actor that has children.

const Child = z.object({
  id: z.string(),
  /** The actor it is, where it is one. */
  address: z.string().optional(),
  epoch: z.number(),
  state: z.string(),
  lastCause: z.string().optional(),
  error: z.string().optional(),
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
  pokes: Pokes.optional(),
});

const Tick = z.object({
  address: z.string(),
  ticks: z.number(),
  lastTick: z.object({ at: z.number(), due: z.number(), active: z.number() }).nullable(),
  /** What had to be mended, and how often: in a healthy system nothing. */
  repairs: z.record(z.string(), z.number()),
  /** Slots that are given out. */
  held: z.number(),
  queue: z.array(z.object({ worker: z.string(), objective: z.string(), reason: z.string() })),
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
            /** The supervisor tick; null before anything needed it. */
            tick: Tick.nullable(),
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
      const tick = tickOf(edge);
      return {
        parts,
        tick,
        actors,
        next: rows.length > limit ? (shown.at(-1)?.address ?? null) : null,
      };
    },
  );
}

function treeOf(edge: Edge, address: Address): z.infer<typeof Tree> | undefined {
  const row = edge.system.snapshot(address);
  if (row === undefined) return undefined;
  const { context } = stateOf(row);
  const found = Supervisor.safeParse(context["supervisor"]);
  if (!found.success) return undefined;
  const { spec, phase, children, dueAt } = found.data;
  // An objective that came to its end ends its members itself, and asks its supervisor no more.
  const isOver = (context["end"] ?? null) !== null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape was checked as far as it is read
  const recent = recentRestarts(context["supervisor"] as SupervisorState, edge.now());
  const pokes = Pokes.safeParse(context["pokes"]).data;
  return {
    name: address,
    phase: isOver ? "stopped" : phase,
    strategy: spec.strategy,
    intensity: spec.intensity,
    periodMs: spec.periodMs,
    restarts: countsOf(recent),
    dueAt,
    parts: children.map((child) => {
      const { id, ...rest } = Child.parse(child);
      const own = childAddress(id, address, context);
      const isThere = own !== undefined && edge.system.snapshot(own) !== undefined;
      return { id, ...rest, ...(isThere && { address: own }), ...(isOver && { state: "ended" }) };
    }),
    ...(pokes !== undefined && pokes.length > 0 && { pokes: pokes.slice(-10) }),
  };
}

/** A child named by its kind has its parent's id; a manager is a session with an id of its own. */
function childAddress(
  id: string,
  parent: Address,
  context: Record<string, unknown>,
): Address | undefined {
  const { sessionId } = Manager.parse(id === "manager" ? context["manager"] : null) ?? {};
  if (sessionId !== undefined) return addressOf("session", sessionId);
  const kind = KINDS.find((name) => name === id);
  return kind === undefined ? undefined : addressOf(kind, splitAddress(parent).id);
}

const Manager = z.looseObject({ sessionId: z.string() }).nullable().catch(null);

/** What the root knows; undefined before anything needed it. */
export function rootOf({ system }: Pick<Edge, "system">): RootContext | undefined {
  const row = system.snapshot(ROOT);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kind's own context
  return row && (stateOf(row).context as RootContext);
}

function tickOf(edge: Edge): z.infer<typeof Tick> | null {
  const root = rootOf(edge);
  if (root === undefined) return null;
  const { ticks, lastTick, repairs, held, queue } = root;
  return {
    address: ROOT,
    ticks,
    lastTick,
    repairs: { ...repairs },
    held: held.length,
    queue: queue.map(({ worker, objective, reason }) => ({ worker, objective, reason })),
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
