import type { Address } from "../../machines/ids.ts";
import { orderIdOf } from "../../machines/ids.ts";
import type {
  Commit,
  DeadLetter,
  JournalEntry,
  OutboxRow,
  SeenRow,
  SnapshotRow,
  SummaryRow,
} from "../../storage/store.ts";

export const DAY = 86_400_000;

const STATE = { lifecycle: "working", runtime: "alive", activity: "active", pr: "none" };

/** A commit of nothing but what is given. */
export function commitOf(changes: Partial<Commit> = {}): Commit {
  return {
    books: { received: 0, applied: 0, duplicate: 0, stale: 0, dead: 0 },
    snapshots: [],
    summaries: [],
    journal: [],
    seen: [],
    armed: [],
    cancelled: [],
    outbox: [],
    closed: [],
    dead: [],
    ...changes,
  };
}

export function snapshotRow(address: Address, seq: number): SnapshotRow {
  return {
    address,
    machine: "session",
    version: 1,
    definitionHash: "a1b2c3d4e5f6a7b8",
    seq,
    createdAt: 1_000,
    updatedAt: 1_000 + seq,
    snapshot: {
      status: "active",
      value: STATE,
      context: {
        projectId: "mer",
        harness: "claude-code",
        title: "Fix the login page",
        branch: "ao/mer-1",
        prs: [],
        detecting: null,
        terminal: { id: "mer-1", epoch: 3 },
        workspace: "/home/somebody/.ao/worktrees/mer/mer-1",
        revision: seq,
      },
      children: {},
      historyValue: {},
    },
    timers: { stuck: { dueAt: 90_000 + seq, seq } },
    strikes: 0,
    isQuarantined: false,
  };
}

export function summaryRow(address: Address, seq: number): SummaryRow {
  return {
    address,
    value: STATE,
    isDone: false,
    updatedAt: 1_000 + seq,
    seq,
    facts: { projectId: "mer", title: "Fix the login page" },
  };
}

export function journalEntry(
  address: Address,
  seq: number,
  rest: Partial<JournalEntry> & { globalSeq: number },
): JournalEntry {
  return {
    address,
    seq,
    message: {
      id: `${address}:${seq}`,
      type: "activity.observed",
      at: 1_000 + seq,
      cause: "hook-7f3a",
      epoch: 3,
      data: { state: "active", confidence: "valid", source: "hook", event: "PostToolUse" },
    },
    value: STATE,
    isNoop: false,
    orders: [],
    committedAt: 1_000 + rest.globalSeq,
    ...rest,
  };
}

/** The mark that an entry's message was applied. */
export function seenRow({ address, seq, message }: JournalEntry): SeenRow {
  return { id: message.id, at: message.at, outcome: { type: "applied", address, seq, orders: [] } };
}

export function outboxRow(from: Address, seq: number, n: number): OutboxRow {
  return {
    id: orderIdOf(from, seq, n),
    from,
    cause: `${from}:${seq}`,
    at: 1_000,
    order: { type: "effect", name: "typeText", lane: from, data: { text: "go on" } },
    attempts: 0,
    nextAt: 1_000,
  };
}

export function deadLetter(id: number, at = 1_000 + id): DeadLetter {
  return {
    id,
    at,
    code: "TYPE_UNKNOWN",
    message: "no such type",
    subject: "ao.cmd.session.mer-1",
    messageId: `letter-${id}`,
    body: "{}",
    isTruncated: false,
    retries: 0,
  };
}

/**
 * Batch `number` as a busy daemon commits it: `messages` messages over `actors` actors, with journal, log and seen rows
 * for each message and snapshot and summary for each actor.
 */
export function busyCommit(number: number, { messages = 500, actors = 400 } = {}): Commit {
  const first = number * messages + 1;
  const journal: JournalEntry[] = [];
  for (let n = 0; n < messages; n += 1) {
    const address: Address = `session/mer-${n % actors}`;
    const seq = number * Math.ceil(messages / actors) + Math.floor(n / actors) + 1;
    const isFirst = seq === 1 || seq % 50 === 0;
    journal.push(
      journalEntry(address, seq, {
        globalSeq: first + n,
        ...(isFirst ? { checkpoint: snapshotRow(address, seq).snapshot } : {}),
      }),
    );
  }
  const touched = journal.slice(-actors);
  return commitOf({
    position: { stream: "AO_MAIL-1", seq: first + messages - 1 },
    books: {
      received: first + messages - 1,
      applied: first + messages - 1,
      duplicate: 0,
      stale: 0,
      dead: 0,
    },
    snapshots: touched.map(({ address, seq }) => snapshotRow(address, seq)),
    summaries: touched.map(({ address, seq }) => summaryRow(address, seq)),
    journal,
    seen: journal.map(seenRow),
  });
}

/** `count` entries of one actor with a checkpoint on every `every`-th, one day apart from each other. */
export function history(
  address: Address,
  count: number,
  every: number,
  firstGlobal = 1,
): JournalEntry[] {
  return Array.from({ length: count }, (_, n) =>
    journalEntry(address, n + 1, {
      globalSeq: firstGlobal + n,
      committedAt: (n + 1) * DAY,
      ...(n % every === 0 ? { checkpoint: { at: n + 1 } } : {}),
    }),
  );
}

/** The numbers of entries within their actors. */
export function seqsOf(entries: readonly JournalEntry[]): number[] {
  return entries.map(({ seq }) => seq);
}
