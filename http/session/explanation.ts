import { z } from "zod";
import { addressOf } from "../../machines/ids.ts";
import type { JournalEntry, OutboxRow, SnapshotRow } from "../../storage/store.ts";
import { Coming, comingOf } from "../coming.ts";
import type { Edge } from "../edge.ts";
import { LastWords, lastWordsOf } from "./last-words.ts";
import { ENDED_RUNTIME, MessageView, messageViews, type SessionView } from "./view.ts";
import { stateOf } from "../stored-state.ts";
import { waitsOf } from "./waits.ts";
import { statePaths } from "../views.ts";

// Session explanation
//
// Why a session is where it is: what it waits for, what that rests on, what comes next and what led here. For one
// session at a time: it reads the journal.
//
//   X1. Nothing is worked out twice: every word of it comes from the record, the journal, the timers or the outbox.
//   X2. It reads at most JOURNAL_READ entries, however long the session lives.

const JOURNAL_READ = 200;
const TRANSITIONS = 5;
const MESSAGES = 10;

export const Explanation = z.object({
  /** Sentences; what a person can do about it begins with "you:". */
  waitsFor: z.array(z.string()),
  /** What its state rests on, the newest first. Times are milliseconds since 1970. */
  evidence: z.array(
    z.object({ of: z.string(), says: z.string(), source: z.string(), at: z.number() }),
  ),
  /** The earliest first. */
  timers: z.array(Coming),
  /** The last five changes of state, the newest first, each with the message that caused it. */
  transitions: z.array(
    z.object({
      seq: z.number(),
      at: z.number(),
      changes: z.array(z.string()),
      message: z.object({ id: z.string(), type: z.string(), from: z.string().optional() }),
    }),
  ),
  /** Orders that were given and have not ended. */
  orders: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      to: z.string(),
      at: z.number(),
      attempts: z.number(),
      nextAt: z.number(),
      lastError: z.string().optional(),
    }),
  ),
  /** The last ten messages to it, the newest first, and how many there are of each state. */
  messages: z.object({
    counts: z.record(z.string(), z.number()),
    last: z.array(MessageView),
  }),
  /** The last thing its agent wrote that says something. */
  lastWords: LastWords.nullable(),
});
type Explanation = z.infer<typeof Explanation>;

/** The explanation of one session. */
export async function explanationOf(
  edge: Edge,
  row: SnapshotRow,
  view: SessionView,
): Promise<Explanation> {
  const { store } = edge.system;
  const after = Math.max(0, row.seq - JOURNAL_READ);
  const entries = store.journal(row.address, { after, limit: JOURNAL_READ });
  const words = await lastWordsOf(edge, [view]);
  const messages = messageViews(row);
  const counts = Object.groupBy(messages, ({ state }) => state);
  return {
    waitsFor: [...brokenOf(edge, view), ...waitsOf(view)],
    evidence: evidenceOf(view, row, entries),
    timers: comingOf(row),
    transitions: transitionsOf(entries),
    orders: store.outbox({ from: row.address, limit: 100 }).map(orderOf),
    messages: {
      counts: Object.fromEntries(
        Object.entries(counts).map(([state, all]) => [state, all?.length ?? 0]),
      ),
      last: messages.slice(-MESSAGES).toReversed(),
    },
    lastWords: words.get(view.id) ?? null,
  };
}

const OWN_KINDS = ["session", "terminal", "workspace", "review"] as const;

/** Those of its actors that take no messages any more: what they were to do waits for a person. */
function brokenOf({ system }: Edge, { id }: SessionView): string[] {
  return OWN_KINDS.map((kind) => addressOf(kind, id))
    .filter((address) => system.snapshot(address)?.isQuarantined === true)
    .map((address) => `you: ${address} takes no messages any more, ao release ${address}`);
}

const Time = z.number().catch(0);
const REST = { runtime: 0, activity: 0, scm: 0, workspace: 0 };
const Times = z.object({
  observedAt: z.object({ runtime: Time, activity: Time, scm: Time, workspace: Time }).catch(REST),
  axes: z.object({ runtime: z.object({ since: Time }) }).catch({ runtime: { since: 0 } }),
});

const Probed = z.object({ evidence: z.string() });

/** What the probe of its terminal said of what it saw, if its state rests on that; empty when it said nothing. */
function wordsOfProbe(entries: readonly JournalEntry[], since: number): string {
  const last = entries.findLast(({ message }) => message.type === "runtime.observed");
  if (last === undefined || last.message.at < since) return "";
  return Probed.safeParse(last.message.data).data?.evidence ?? "";
}

function evidenceOf(
  view: SessionView,
  row: SnapshotRow,
  entries: readonly JournalEntry[],
): Explanation["evidence"] {
  const { observedAt: at, axes } = Times.parse(stateOf(row).context);
  const words = wordsOfProbe(entries, axes.runtime.since);
  const { runtime, activity, pr, workspace, terminal } = view;
  const dirt = workspace.dirty === true ? "dirty" : "clean";
  const all = [
    {
      of: "runtime",
      says: `${runtime.state} (${runtime.reason})${words === "" ? "" : `: ${words}`}`,
      source: at.runtime === 0 ? "its terminal" : "terminal probe",
      // That it ended with its session was not seen by anything: its status does not rest on it.
      at: runtime.reason === ENDED_RUNTIME.reason ? 0 : at.runtime || axes.runtime.since,
    },
    {
      of: "activity",
      says: activity.state,
      source: activity.source,
      at: activity.lastActivityAt ?? at.activity,
    },
    { of: "pull requests", says: `${pr.state} (${pr.reason})`, source: "forge", at: at.scm },
    {
      of: "worktree",
      says: `${dirt}, ${workspace.unpushed ?? 0} commits not published`,
      source: "workspace probe",
      at: at.workspace,
    },
  ];
  const ended =
    terminal.exitCode === undefined && terminal.signal === undefined
      ? []
      : [
          {
            of: "exit",
            says: terminal.signal ?? `code ${terminal.exitCode}`,
            source: "exit record",
            at: view.lifecycle.since,
          },
        ];
  return [...all, ...ended].filter((each) => each.at > 0).toSorted((a, b) => b.at - a.at);
}

function transitionsOf(entries: readonly JournalEntry[]): Explanation["transitions"] {
  return entries
    .flatMap(({ seq, committedAt, message: { id, type, from }, was, value }) => {
      if (value === undefined) return [];
      const before = was === undefined ? [] : statePaths(was);
      const changes = statePaths(value).filter((path) => !before.includes(path));
      if (changes.length === 0) return [];
      const told = changes.map((path) => changeOf(path, before));
      const message = { id, type, ...(from !== undefined && { from }) };
      return [{ seq, at: committedAt, changes: told, message }];
    })
    .slice(-TRANSITIONS)
    .toReversed();
}

/** `lifecycle: working → idle`. */
function changeOf(path: string, before: readonly string[]): string {
  const [region = "", ...state] = path.split(".");
  const former = before.find((each) => each.startsWith(`${region}.`));
  const now = state.join(".");
  return former === undefined
    ? `${region}: ${now}`
    : `${region}: ${former.slice(region.length + 1)} → ${now}`;
}

function orderOf(row: OutboxRow): Explanation["orders"][number] {
  const { id, at, attempts, nextAt, lastError, order } = row;
  return {
    id,
    name: order.type === "observation" ? order.lane : order.name,
    to: addresseeOf(order),
    at,
    attempts,
    nextAt,
    ...(lastError !== undefined && { lastError }),
  };
}

function addresseeOf(order: OutboxRow["order"]): string {
  if (order.type === "mail") return order.to;
  return order.type === "effect" ? `lane ${order.lane}` : `${order.lane} of ${order.id}`;
}
