import { z } from "zod";
import { addressOf, KINDS, splitAddress, type KindName } from "../machines/ids.ts";
import type { JsonObject } from "../machines/json.ts";
import type { SnapshotRow } from "../storage/store.ts";
import { ATTENTIONS, attentionOf } from "./attention.ts";
import { clipped } from "./clipped.ts";
import { Coming, comingOf } from "./coming.ts";
import type { App, Edge } from "./edge.ts";
import { page, sendMade } from "./schemas.ts";
import { runsInWords } from "./review/words.ts";
import { sessionLine } from "./session/line.ts";
import { unheardWords } from "./session/unheard.ts";
import { stateOf } from "./stored-state.ts";
import { statesOf } from "./views.ts";

// Board
//
// Every actor in the words in which people think of it: what it is called, how it stands, why, since when, what comes
// next. One shape for all kinds: a kind that is new is on the board without a change here.

/** One actor, as the board shows it. Times are milliseconds since 1970. */
export const BoardLine = z.object({
  address: z.string(),
  kind: z.string(),
  id: z.string(),
  title: z.string(),
  /** One word or state path. */
  status: z.string(),
  /** Why it stands so; empty when the state says it all. */
  reason: z.string(),
  /** Whose turn it is. */
  attention: z.enum(ATTENTIONS),
  since: z.number(),
  /** What will happen without anybody's doing: the earliest timer. */
  next: Coming.nullable(),
  parent: z.string().nullable(),
  states: z.array(z.string()),
  seq: z.number(),
  updatedAt: z.number(),
  isDone: z.boolean(),
  isQuarantined: z.boolean(),
  facts: z.record(z.string(), z.unknown()),
});
export type BoardLine = z.infer<typeof BoardLine>;

/** `GET /board`: lines in order of address, and the point from which `GET /changes` goes on. */
export function boardRoutes(app: App, edge: Edge): void {
  app.get(
    "/board",
    {
      schema: {
        tags: ["web"],
        summary: "Actors as people think of them; `head` is where `/changes` goes on",
        querystring: page(z.string(), 1_000).extend({ kind: z.enum(KINDS).optional() }),
        response: {
          200: z.object({
            lines: z.array(BoardLine),
            next: z.string().nullable(),
            head: z.number(),
            at: z.number(),
          }),
        },
      },
    },
    async ({ query: { kind, after, limit } }, reply) => {
      const { globalSeq: head } = edge.system.store.head();
      const rows = edge.views.list({ kind, after, limit: limit + 1 });
      const lines = rows.slice(0, limit).flatMap(({ address, facts }) => {
        const row = edge.system.snapshot(address);
        return row === undefined ? [] : [boardLine(row, facts)];
      });
      const next = rows.length > limit ? (lines.at(-1)?.address ?? null) : null;
      return sendMade(reply, { lines, next, head, at: edge.now() });
    },
  );
}

/** One actor's line; `facts` are those of its summary. */
export function boardLine(row: SnapshotRow, facts: JsonObject): BoardLine {
  const { kind, id } = splitAddress(row.address);
  const { value, context } = stateOf(row);
  const states = statesOf(kind, value);
  const told = kind === "session" ? toldOf(row, states, context) : plainLine(row, states, context);
  const [isOver, notices] = [isDone(row), context["notices"]];
  const { isQuarantined } = row;
  return {
    address: row.address,
    kind,
    id,
    since: row.updatedAt,
    attention: attentionOf({
      kind,
      states,
      notices,
      isDone: isOver,
      isQuarantined,
      isSilent: told.status === "no_signal",
    }),
    ...told,
    next: comingOf(row)[0] ?? null,
    states,
    seq: row.seq,
    updatedAt: row.updatedAt,
    isDone: isOver,
    isQuarantined,
    facts: { ...facts, ...told.facts },
  };
}

type Told = Pick<BoardLine, "title" | "status" | "reason" | "parent" | "facts"> &
  Partial<Pick<BoardLine, "since">>;

function toldOf(row: SnapshotRow, states: readonly string[], context: Context): Told {
  const { title, prompt, projectId, status, since, ...facts } = sessionLine(row);
  // That there was an error says less than which; few sessions end so, all others are spared the look.
  const trouble = status === "errored" ? Said.parse(context).trouble : undefined;
  const { number, url, branch, harness } = facts;
  const unheard = unheardWords({ status, harness, isLive: states.includes("runtime.alive") });
  const reason = trouble?.message ?? unheard ?? facts.reason;
  return {
    title: title || firstLine(prompt) || splitAddress(row.address).id,
    status,
    reason,
    since,
    parent: addressOf("project", projectId),
    facts: {
      branch,
      harness,
      ...(number !== undefined && { number }),
      ...(url !== undefined && { url }),
    },
  };
}

function plainLine(row: SnapshotRow, states: readonly string[], context: Context): Told {
  const said = Said.parse(context);
  const { standing, trouble, runs = [] } = said;
  const { kind, id } = splitAddress(row.address);
  return {
    title: kind === "review" ? `Reviews of ${id}` : titleOf(said, id),
    status: wordFor(kind, states),
    reason: standing?.reason ?? trouble?.message ?? said.reason ?? runsInWords(runs),
    ...(standing !== undefined && { since: standing.since }),
    parent: kind === "review" ? addressOf("session", id) : parentOf(said),
    facts: standing === undefined ? {} : { next: standing.next },
  };
}

/** Of several regions, and of states in states, the one that people ask for. */
function wordFor(kind: KindName, states: readonly string[]): string {
  if (kind === "objective") return states.map(innermost).join(" · ");
  const run = kind === "review" ? states.find((path) => path.startsWith("run.")) : undefined;
  if (run === undefined) return states.join(" · ");
  return run === "run.none" ? "not_reviewed" : innermost(run);
}

function innermost(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

function titleOf({ title, question, text }: z.infer<typeof Said>, id: string): string {
  return firstLine([title, question, text].find((each) => each !== undefined && each !== "") ?? id);
}

const Text = z.string().optional().catch(undefined);
const Run = z.looseObject({
  id: z.string(),
  state: z.string(),
  reason: z.string().nullish(),
  verdict: z.string().optional(),
  targetSha: Text,
  subject: z.object({ url: z.string(), number: z.number() }).optional().catch(undefined),
});
/** What kinds say of themselves under names that people understand; what one does not say is left out. */
const Said = z.object({
  title: Text,
  question: Text,
  text: Text,
  reason: Text,
  parent: Text,
  objectiveId: Text,
  projectId: Text,
  standing: z
    .object({ reason: z.string(), since: z.number(), next: z.string().nullable() })
    .optional()
    .catch(undefined),
  trouble: z.object({ message: z.string() }).optional().catch(undefined),
  runs: z.array(Run).optional().catch(undefined),
});

function parentOf({ parent, objectiveId, projectId }: z.infer<typeof Said>): string | null {
  if (parent !== undefined) return parent;
  if (objectiveId !== undefined) return addressOf("objective", objectiveId);
  return projectId === undefined ? null : addressOf("project", projectId);
}

// Long enough to know it by.
const TITLE_CHARS = 160;

function firstLine(text: string): string {
  return clipped(/\S.*/.exec(text)?.[0] ?? "", TITLE_CHARS);
}

type Context = ReturnType<typeof stateOf>["context"];
function isDone({ snapshot }: SnapshotRow): boolean {
  const isState = typeof snapshot === "object" && snapshot !== null && "status" in snapshot;
  return isState && snapshot["status"] === "done";
}
