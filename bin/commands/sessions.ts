import { Failure } from "../../machines/failures.ts";
import type { SessionView } from "../../http/session/view.ts";
import { ask, part } from "../cli/api.ts";
import { columns } from "../cli/columns.ts";
import { everySession } from "./session-list.ts";
import { EXIT } from "../cli/exit.ts";
import { eachOf, type Orders } from "../cli/several.ts";
import { isWaiting, type WaitOptions } from "../cli/declaration.ts";
import { begun, ended, lineOf } from "./session-outcomes.ts";
import { print, printable, type Output } from "../cli/output.ts";

export interface SpawnOptions extends WaitOptions {
  readonly kind: string;
  readonly harness?: string;
  readonly branch?: string;
  readonly title?: string;
}

/** Starts a session; `command` is an argv, empty for the project's own. The answer is the exit code. */
export async function spawnSession(
  output: Output,
  asked: { project: string; prompt: string; command: readonly string[] },
  { wait, timeout, ...options }: SpawnOptions,
): Promise<number> {
  const { project: projectId, prompt, command } = asked;
  const own = command.length === 0 ? {} : { harness: "command", command };
  const body = { projectId, prompt, ...own, ...options };
  const orders: Orders<SessionView> = {
    command: "ao spawn",
    run: async () => ask("POST", "/sessions", { body }),
    line: lineOf,
    outcome: begun,
  };
  return eachOf(output, [projectId], orders, { wait, timeout });
}

/** Ends sessions; the answer is the exit code. */
export async function killSessions(
  output: Output,
  ids: readonly string[],
  { kind, ...options }: WaitOptions & { readonly kind: string },
): Promise<number> {
  const orders: Orders<SessionView> = {
    command: "ao kill",
    run: async (id) => ask("POST", `/sessions/${part(id)}/kill`, { body: { kind } }),
    line: ({ id, status }) => `session ${id}: ${status}`,
    outcome: ended,
  };
  return eachOf(output, ids, orders, options);
}

/** Brings sessions that are over back to work; the answer is the exit code. */
export async function restoreSessions(
  output: Output,
  named: readonly string[],
  { lost = false, ...options }: WaitOptions & { readonly lost?: boolean },
): Promise<number> {
  if (lost === named.length > 0) {
    const tried = lost ? "restore --lost: it takes no names" : "restore: no session is named";
    throw new Failure("MALFORMED", `${tried}; ao restore <session>, or all that were lost: --lost`);
  }
  const found = lost ? await lostSessions() : undefined;
  const ids = found === undefined ? named : found.lost;
  if (found !== undefined && ids.length === 0) {
    const { noted, inDoubt } = found;
    print(output, { done: [], failed: [], noted, inDoubt }, noneLost);
    return EXIT.done;
  }
  const orders: Orders<SessionView> = {
    command: "ao restore",
    run: async (id) => ask("POST", `/sessions/${part(id)}/restore`),
    line: (session) =>
      isWaiting(options) ||
      session.wanted === "running" ||
      session.lifecycle.state === "not_started"
        ? lineOf(session)
        : `${lineOf(session)}, and begins again once its end is over`,
    outcome: begun,
  };
  return eachOf(output, ids, orders, options);
}

interface Lost {
  /** Those that ended with their terminals, of which nobody took note. */
  readonly lost: readonly string[];
  /** Those of which somebody did. */
  readonly noted: readonly string[];
  /** Those that may have gone with their server just now. */
  readonly inDoubt: readonly string[];
}

async function lostSessions(): Promise<Lost> {
  const [killed, doubted] = await Promise.all([
    everySession({ status: "killed" }),
    everySession({ status: "detecting" }),
  ]);
  const gone = killed.filter(({ statusReason }) => statusReason === "runtime_lost");
  return {
    lost: gone.filter(isUnseen).map(({ id }) => id),
    noted: gone.filter((session) => !isUnseen(session)).map(({ id }) => id),
    inDoubt: doubted.map(({ id }) => id),
  };
}

function isUnseen({ notices }: SessionView): boolean {
  return notices.some(({ type, state }) => type === "agent-exited" && state === "open");
}

function noneLost({ noted, inDoubt }: Pick<Lost, "noted" | "inDoubt">): string {
  const told = [
    ...(noted.length === 0
      ? []
      : [`${noted.length} were lost, and taken note of: ao restore ${noted.join(" ")}`]),
    ...(inDoubt.length === 0
      ? []
      : [`${inDoubt.length} in doubt, told within a minute whether they are lost: ao ls`]),
  ];
  return told.length === 0 ? "no session was lost" : told.join("\n");
}

interface Directory {
  readonly path: string;
  readonly verdict: string;
  readonly why: string;
  readonly until: number | null;
}
interface Cleaned {
  readonly directories?: readonly Directory[];
  readonly missing?: readonly Omit<Directory, "verdict">[];
  readonly preserved?: readonly (Omit<Directory, "verdict" | "path"> & {
    readonly ref: string;
    readonly at: number;
  })[];
  readonly cleaned: readonly string[];
  readonly skipped: readonly { readonly id: string; readonly message: string }[];
  readonly failed: readonly {
    readonly id: string;
    readonly code: string;
    readonly message: string;
  }[];
}

interface CleanupOptions {
  readonly project?: string;
  readonly dryRun?: boolean;
  readonly preserved?: string;
}

/** Drops the uncommitted work that was kept of a session. */
async function dropPreserved(output: Output, id: string): Promise<number> {
  const answer = await ask<{ ref: string; sha: string }>(
    "DELETE",
    `/sessions/${part(id)}/preserved`,
  );
  print(
    output,
    answer,
    ({ ref, sha }) => `dropped ${ref}; until git packs it away: git show ${sha}`,
  );
  return EXIT.done;
}

/** Closes what is over; the answer is 1 when a session did not take the order. */
export async function cleanUp(
  output: Output,
  { project: projectId, dryRun, preserved: dropped }: CleanupOptions,
): Promise<number> {
  if (dropped !== undefined) return dropPreserved(output, dropped);
  const answer = await ask<Cleaned>("POST", "/sessions/cleanup", { body: { projectId, dryRun } });
  print(
    output,
    answer,
    ({ cleaned, skipped, failed, directories = [], missing = [], preserved = [] }) => {
      const verb = dryRun === true ? "would clean up" : "cleaned up";
      const lines = [
        ...(cleaned.length === 0 ? [] : [`${verb} ${cleaned.join(", ")}`]),
        ...skipped.map(({ id, message }) => `left ${id}: ${message}`),
        ...failed.map(({ id, code, message }) => `could not clean up ${id}: ${message} (${code})`),
      ];
      const said = lines.length === 0 ? ["nothing to clean up"] : lines.map(printable);
      const all = [
        ...directories,
        ...missing.map((each) => ({ ...each, verdict: "missing" })),
        ...preserved.map(({ ref, why, at, until }) => {
          const age = `since ${new Date(at).toISOString()}: ${why}`;
          return { verdict: "work", path: ref, why: age, until };
        }),
      ];
      const table = dryRun === true && all.length > 0 ? [explained(output, all)] : [];
      return [...said, ...table].join("\n");
    },
  );
  return answer.failed.length === 0 ? EXIT.done : EXIT.failed;
}

/** Every directory: kept or removed, and why; what goes comes first. */
function explained(output: Output, directories: readonly Directory[]): string {
  const rows = directories.toSorted(
    (one, other) => other.verdict.localeCompare(one.verdict) || one.path.localeCompare(other.path),
  );
  return columns<Directory>(
    output,
    [
      {
        heading: "directory",
        cell: ({ verdict }) => verdict,
        style: ({ verdict }) => (verdict === "removed" ? "yellow" : "green"),
      },
      { heading: "path", cell: ({ path }) => path, least: 24, rank: 2 },
      { heading: "why", cell: ({ why }) => why, least: 20, rank: 1 },
      {
        heading: "until",
        cell: ({ until }) => (until === null ? "" : new Date(until).toISOString()),
      },
    ],
    rows,
  );
}
