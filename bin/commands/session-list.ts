import { ATTENTIONS } from "../../http/attention.ts";
import { clipped } from "../../http/clipped.ts";
import type { LastWords } from "../../http/session/last-words.ts";
import { unheardWords } from "../../http/session/unheard.ts";
import type { SessionView } from "../../http/session/view.ts";
import { byName } from "../../machines/natural-order.ts";
import { endWords } from "../../machines/session/status.ts";
import { ask, query } from "../cli/api.ts";
import { columns, type Column } from "../cli/columns.ts";
import { age, paint, print, type Output, type Style } from "../cli/output.ts";

// Session list
//
// What every session is doing, at a glance.
//
//   G1. What needs a person comes first, then what there is something to know of; then what moves, what rests and what
//       is over, each by id. Whose turn it is, the daemon says: the board of the pages goes by the same.
//   G2. The order depends on nothing but that: two looks at the same sessions are in the same order.

export type Listed = SessionView & {
  readonly lastWords?: LastWords | null;
  /** What it asked a person and was not answered; absent while there is nothing. */
  readonly questionId?: string;
};

export interface ListOptions {
  readonly project?: string;
  readonly all?: boolean;
  readonly state?: string;
  readonly status?: string;
}

/** Sessions that are not over, or that somebody should look at; all of them when asked. */
export async function listSessions(output: Output, options: ListOptions): Promise<void> {
  const [listed, questions] = await Promise.all([everySession(options), questionsOf(options)]);
  const sessions = listed.map((session) => {
    const questionId = questions.get(session.id);
    return questionId === undefined ? session : { ...session, questionId };
  });
  const isAll = options.all === true || options.state !== undefined || options.status !== undefined;
  const shown = sessions.filter((session) => isAll || isOfInterest(session)).toSorted(byUrgency);
  const now = Date.now();
  print(output, { sessions: shown }, (facts) => {
    if (facts.sessions.length > 0) return columns(output, tableOf(now), facts.sessions);
    const hidden = sessions.length === 0 ? "" : `; ${sessions.length} are over: ao ls --all`;
    return `${columns(output, tableOf(now), [])}\n${paint(output, "dim", `no sessions${hidden}`)}`;
  });
}

/** All sessions that were asked for, page after page. */
export async function everySession({ project, state, status }: ListOptions): Promise<Listed[]> {
  const sessions: Listed[] = [];
  let after: string | undefined;
  do {
    const path = `/sessions${query({ project, state, status, after, limit: 500, words: "true" })}`;
    // oxlint-disable-next-line no-await-in-loop -- each page begins where the last ended
    const page = await ask<{ sessions: Listed[]; next: string | null }>("GET", path);
    sessions.push(...page.sessions);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return sessions;
}

/** Open questions of objectives to a person, by the session that asked. */
async function questionsOf({ project }: ListOptions): Promise<ReadonlyMap<string, string>> {
  const path = `/questions${query({ project, limit: 1_000 })}`;
  const { questions } = await ask<{ questions: Question[] }>("GET", path);
  return new Map(questions.map(({ id, asker }) => [asker ?? "", id]));
}

interface Question {
  readonly id: string;
  readonly asker: string | null;
}

function isOfInterest({ attention, notices }: Listed): boolean {
  return attention !== "ended" || notices.some(({ state }) => state === "open");
}

/** Why it stands so: what a person can do something about comes before the reason of its state. */
export function whyOf(session: Told): string {
  const { questionId, status, statusReason, trouble, harness, terminal } = session;
  if (questionId !== undefined) return `asked ${questionId}: ao question ls`;
  if (status === "errored" || status === "killed") {
    return endWords({ ...terminal, reason: statusReason, trouble });
  }
  const unheard = unheardWords({ status, harness, isLive: terminal.state === "live" });
  return unheard ?? statusReason.replaceAll("_", " ");
}

type Told = Pick<
  Listed,
  "questionId" | "status" | "statusReason" | "trouble" | "harness" | "terminal"
>;

/** `!` when somebody is needed, `*` when there is something to know. */
export function markOf({
  attention,
  notices,
  questionId,
}: Pick<Listed, "attention" | "notices" | "questionId">): string {
  if (attention === "needs" || questionId !== undefined) return "!";
  return notices.some(({ state }) => state === "open") ? "*" : "";
}

const STYLES: Readonly<Record<string, Style>> = {
  needs_input: "yellow",
  stuck: "red",
  errored: "red",
  ci_failed: "red",
  detecting: "yellow",
  no_signal: "yellow",
  changes_requested: "yellow",
  approved: "green",
  mergeable: "green",
  merged: "green",
  done: "green",
  killed: "dim",
  cleanup: "dim",
  terminated: "dim",
  exited: "dim",
};

function tableOf(now: number): Column<Listed>[] {
  return [
    { heading: "", cell: markOf, style: (row) => (markOf(row) === "!" ? "red" : "yellow") },
    { heading: "id", cell: ({ id }) => id, style: () => "bold", least: 8 },
    { heading: "status", cell: ({ status }) => status, style: ({ status }) => STYLES[status] },
    { heading: "why", cell: (row) => whyOf(row), least: 10, rank: 3 },
    { heading: "since", cell: ({ statusSince }) => age(statusSince, now) },
    { heading: "branch", cell: ({ branch }) => branch ?? "", least: 8, rank: 2 },
    { heading: "pr", cell: ({ prs }) => prs.map(({ number }) => `#${number}`).join(" "), least: 4 },
    { heading: "title", cell: titleOf, least: 10, rank: 4 },
    { heading: "last words", cell: ({ lastWords }) => lastWords?.text ?? "", least: 16, rank: 1 },
  ];
}

function titleOf({ title, prompt }: Listed): string {
  return title === "" ? clipped(prompt, 60) : title;
}

function byUrgency(a: Listed, b: Listed): number {
  return ranks(a) - ranks(b) || byName(a.id, b.id);
}

const MARKS = ["!", "*", ""];

function ranks(session: Listed): number {
  return MARKS.indexOf(markOf(session)) * ATTENTIONS.length + ATTENTIONS.indexOf(session.attention);
}
