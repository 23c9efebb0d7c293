import { z } from "zod";
import { backwards } from "../actors/hindsight.ts";
import { replay } from "../actors/replay.ts";
import type { Cause } from "../actors/system.ts";
import { Failure } from "../machines/failures.ts";
import { Address, addressOf, splitAddress } from "../machines/ids.ts";
import type { JournalEntry } from "../storage/store.ts";
import type { App, Edge } from "./edge.ts";

// Causes
//
// Why something happened, as a story that begins where a person would begin it.
//
//   C1. A message has one cause. A review has two: what asked for it, and the commits that it is of. A story in which a
//       review was begun tells first how its head came to the worker: the push.
//   C2. It looks back over the worker's last steps, so many of them; a push that is older is not told.

/** Entries of the worker that are looked through, newest first (C2). */
const DEEPEST = 2_048;

/** A head that an observation told a worker of first. */
const Brought = z.object({ prUrl: z.string(), headSha: z.string() });
type Brought = z.infer<typeof Brought>;

const CauseView = z.object({
  id: z.string(),
  type: z.string(),
  name: z.string(),
  at: z.number(),
  address: z.string().optional(),
  seq: z.number().optional(),
  data: z.unknown(),
  /** What a review that the story leads to is of came with it (C1). */
  brings: Brought.optional(),
});

/** `GET /causes/:id`. */
export function causeRoutes(app: App, edge: Edge): void {
  app.get(
    "/causes/:id",
    {
      schema: {
        tags: ["intake"],
        summary:
          "The chain of causes of a message, an order or a step (`kind/id#seq`), oldest first; of a review, the push before it",
        params: z.object({ id: z.string().min(1).max(512) }),
        response: { 200: z.object({ causes: z.array(CauseView) }) },
      },
    },
    ({ params: { id } }) => {
      const causes = edge.system.causes(messageOf(edge, id) ?? id);
      if (causes.length > 0) return { causes: withPush(edge, causes) };
      throw new Failure("CAUSE_UNKNOWN", `no message, order or step ${id} is in the journal`);
    },
  );
}

/** The message of a step, `kind/id#seq`. */
function messageOf({ system: { store } }: Edge, id: string): string | undefined {
  const [, name, step] = /^([^#]+)#(\d+)$/.exec(id) ?? [];
  const { data: address } = Address.safeParse(name);
  if (address === undefined) return undefined;
  const seq = Number(step);
  const [entry] = store.journal(address, { after: seq - 1, limit: 1 });
  return entry?.seq === seq ? entry.message.id : undefined;
}

/** The chain, after the one that led to the head whose review it began (C1). */
function withPush(edge: Edge, causes: readonly Cause[]): z.infer<typeof CauseView>[] {
  const begun = beginningOf(edge, causes);
  const push = begun === undefined ? undefined : pushOf(edge, begun);
  if (begun === undefined || push === undefined) return [...causes];
  const { prUrl, headSha } = begun.run;
  const known = new Set(causes.map(({ id }) => id));
  const before = edge.system.causes(push.message.id).filter(({ id }) => !known.has(id));
  return [...before, ...causes].map((cause) =>
    cause.id === push.message.id ? { ...cause, brings: { prUrl, headSha } } : cause,
  );
}

interface Beginning {
  /** Of the worker whose work it is. */
  readonly worker: Address;
  readonly run: Brought;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** The newest step of a review on the chain that made a run. */
function beginningOf(edge: Edge, causes: readonly Cause[]): Beginning | undefined {
  for (const { address, seq, at } of causes.toReversed()) {
    if (address === undefined || seq === undefined) continue;
    const { kind, id } = splitAddress(address);
    const run = kind === "review" ? runMadeBy(edge, address, seq) : undefined;
    if (run !== undefined) return { worker: addressOf("session", id), run, at };
  }
  return undefined;
}

const Runs = z.object({
  runs: z.array(
    z.object({ id: z.string(), subject: z.object({ url: z.string() }), targetSha: z.string() }),
  ),
});

function runMadeBy({ system }: Edge, address: Address, seq: number): Brought | undefined {
  const found = replay(system.store, { kinds: system.kinds, address, seq });
  if (found === undefined) return undefined;
  const before = Runs.safeParse(found.before?.context).data?.runs ?? [];
  const after = Runs.safeParse(found.actor.state().context).data?.runs ?? [];
  const known = new Set(before.map(({ id }) => id));
  const made = after.findLast(({ id }) => !known.has(id));
  return made && { prUrl: made.subject.url, headSha: made.targetSha };
}

const Pulls = z.object({ prs: z.array(z.object({ url: z.string(), headSha: z.string() })) });

/** The first observation that told the worker of the head (C2). */
function pushOf({ system }: Edge, { worker, run, at }: Beginning): JournalEntry | undefined {
  const last = system.snapshot(worker)?.seq ?? 0;
  let first: JournalEntry | undefined;
  for (const entry of backwards(system.store, worker, {
    last,
    after: Math.max(0, last - DEEPEST),
  })) {
    if (entry.message.type !== "scm.observed" || entry.message.at > at) continue;
    const { prs = [] } = Pulls.safeParse(entry.message.data).data ?? {};
    const pull = prs.find(({ url }) => url === run.prUrl);
    if (pull !== undefined && pull.headSha !== run.headSha) break;
    if (pull !== undefined) first = entry;
  }
  return first;
}
