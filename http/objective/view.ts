import { isOpenPull, PullState } from "../../machines/pull-state.ts";
import { z } from "zod";
import { claimOn } from "../../machines/objective/claims.ts";
import { splitAddress } from "../../machines/ids.ts";
import type { Item, ObjectiveContext } from "../../machines/objective/record.ts";
import { pullsOf } from "../../machines/objective/pulls.ts";
import { recentRestarts } from "../../machines/supervision/supervision.ts";
import type { SnapshotRow } from "../../storage/store.ts";
import { stateOf } from "../stored-state.ts";
import { statePaths } from "../views.ts";

// Objective view
//
// A committed row of an objective as the outside sees it: the whole story of it in one answer.

const Time = z.number();

export const WorkerView = z.object({
  /** Also the id of its session, once that was ordered. */
  id: z.string(),
  title: z.string(),
  state: z.string(),
  reason: z.string(),
  dependsOn: z.array(z.string()),
  sessionId: z.string().nullable(),
  /** The first line of its result. */
  summary: z.string(),
  /** What speaks for its success. */
  evidence: z.array(z.string()),
  branch: z.string().nullable(),
  /** Why its directory is kept; null when it was let go. */
  claim: z.string().nullable(),
  createdAt: Time,
  startedAt: Time.nullable(),
  endedAt: Time.nullable(),
  evidenceAt: Time,
});

const PullView = z.object({
  url: z.string(),
  number: z.number(),
  title: z.string(),
  state: PullState,
  checks: z.string(),
  review: z.string(),
  unresolved: z.number(),
  headRef: z.string(),
  headSha: z.string(),
  worker: z.string(),
});

const QuestionFacts = z.object({
  id: z.string(),
  asker: z.string().nullable(),
  kind: z.string(),
  text: z.string(),
  options: z.array(z.string()),
  state: z.string(),
  answer: z.string().nullable(),
  at: Time,
});

const MessageFacts = z.object({
  id: z.string(),
  at: Time,
  from: z.string(),
  text: z.string(),
  state: z.string(),
});

/** What `GET /objectives/:id` answers. Times are milliseconds since 1970. */
export const ObjectiveView = z.object({
  id: z.string(),
  projectId: z.string(),
  title: z.string(),
  prompt: z.string(),
  /** The state of its chart, without its parents: the answer to "why is nothing happening". */
  state: z.string(),
  status: z.enum(["active", "done", "canceled", "failed"]),
  reason: z.string(),
  since: Time,
  /** What happens next at the latest, and when. */
  next: z.object({ at: Time, what: z.string() }).nullable(),
  manager: z.object({
    sessionId: z.string().nullable(),
    epoch: z.number(),
    state: z.string(),
    turn: z.string(),
    startedAt: Time.nullable(),
    quotaUntil: Time.nullable(),
  }),
  workers: z.array(WorkerView),
  pulls: z.array(PullView),
  questions: z.array(QuestionFacts),
  plan: z.array(z.object({ title: z.string(), done: z.boolean() })),
  notes: z.array(z.object({ at: Time, by: z.string(), text: z.string() })),
  messages: z.array(MessageFacts),
  pokes: z.array(
    z.object({
      n: z.number(),
      at: Time,
      state: z.string(),
      after: z.string(),
      outcome: z.string(),
    }),
  ),
  /** Lives of managers that are over, oldest first. */
  respawns: z.array(
    z.object({
      sessionId: z.string(),
      epoch: z.number(),
      orderedAt: Time,
      endedAt: Time,
      hasRun: z.boolean(),
      cause: z.string(),
      /** What its session knows of its end; "" in a list, and when it is not known any more. */
      why: z.string(),
    }),
  ),
  budget: z.object({
    managers: z.number(),
    windowMs: z.number(),
    /** Deaths that count now, by class. */
    spent: z.record(z.string(), z.number()),
    uselessPokes: z.number(),
  }),
  escalation: z.object({ questionId: z.string(), cause: z.string(), at: Time }).nullable(),
  summary: z.string(),
  endedAt: Time.nullable(),
  repairs: z.number(),
  revision: z.number(),
  createdAt: Time,
  updatedAt: Time,
});
export type ObjectiveView = z.infer<typeof ObjectiveView>;

/** An objective as the outside sees it; `at` is the time to count its budget at, `whyOf` tells how a session ended. */
export function objectiveView(
  row: SnapshotRow,
  at: number,
  whyOf: (sessionId: string) => string = () => "",
): ObjectiveView {
  const { value, context } = stateOf(row);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row of an objective
  const record = context as unknown as ObjectiveContext;
  const { standing, end, projectId, title, prompt, escalation, repairs, revision } = record;
  const { createdAt, updatedAt } = record;
  const [path = ""] = statePaths(value);
  return {
    id: splitAddress(row.address).id,
    projectId,
    title,
    prompt,
    state: path.slice(path.lastIndexOf(".") + 1),
    status: end === null ? "active" : end.state,
    reason: standing.reason,
    since: standing.since,
    next: nextOf(standing),
    manager: managerOf(record),
    workers: record.workers.map((worker) => workerOf(worker, claimOf(worker, record))),
    pulls: pullsOf(record).map(pullOf),
    ...wordsOf(record),
    pokes: [...record.pokes],
    respawns: record.lives.map((life) => ({ ...life, why: whyOf(life.sessionId) })),
    budget: budgetOf(record, at),
    escalation,
    summary: end?.summary ?? "",
    endedAt: end?.at ?? null,
    repairs,
    revision,
    createdAt,
    updatedAt,
  };
}

function nextOf({ nextAt, next }: ObjectiveContext["standing"]): ObjectiveView["next"] {
  return nextAt === null ? null : { at: nextAt, what: next ?? "another look" };
}

/** What is said of a manager after the end is only noted: nothing is known but that it was ended too. */
function managerOf({ manager, supervisor, end }: ObjectiveContext): ObjectiveView["manager"] {
  const { sessionId, epoch, startedAt, quotaUntil, facts } = manager;
  if (end !== null)
    return { sessionId, epoch, state: "ended", turn: "none", startedAt, quotaUntil };
  const state = supervisor.children[0]?.state ?? "absent";
  return { sessionId, epoch, state, turn: facts?.activity.state ?? "none", startedAt, quotaUntil };
}

/** What was asked, planned, noted and said. */
function wordsOf({
  questions,
  plan,
  notes,
  inbox,
  end,
  manager,
}: ObjectiveContext): Pick<ObjectiveView, "questions" | "plan" | "notes" | "messages"> {
  const isDeaf = end !== null && manager.facts?.ended !== null;
  const isLost = ({ state }: Item): boolean => isDeaf && state !== "delivered";
  return {
    questions: questions.map((question) => ({ ...question, options: [...question.options] })),
    plan: [...plan],
    notes: [...notes],
    messages: inbox.map((item) => ({
      ...item,
      state: isLost(item) ? "undeliverable" : item.state,
    })),
  };
}

function budgetOf(
  { supervisor, useless, lives }: ObjectiveContext,
  at: number,
): ObjectiveView["budget"] {
  const spent = new Map<string, number>();
  for (const [cause, times] of Object.entries(recentRestarts(supervisor, at))) {
    spent.set(cause, times.length);
  }
  // The death that was one too many was nobody's restart.
  const last = supervisor.phase === "escalated" ? lives.at(-1)?.cause : undefined;
  if (last !== undefined) spent.set(last, (spent.get(last) ?? 0) + 1);
  return {
    managers: supervisor.spec.intensity + 1,
    windowMs: supervisor.spec.periodMs,
    spent: Object.fromEntries(spent),
    uselessPokes: useless,
  };
}

type Worker = ObjectiveContext["workers"][number];

/** Limits say when a claim ends, not what it is. */
function claimOf(worker: Worker, record: ObjectiveContext): string | null {
  return worker.isReleased ? null : (claimOn(record, worker, { keepEndedMs: 0 })?.why ?? null);
}

/** What an objective needs a worker's directory for, without the time that it keeps any; undefined for nothing. */
export function lastingClaim(row: SnapshotRow, workerId: string): string | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row of an objective
  const record = stateOf(row).context as unknown as ObjectiveContext;
  const worker = record.workers.find(({ id }) => id === workerId);
  const claim = worker && claimOn(record, worker, { keepEndedMs: 0 });
  return claim?.until === null ? claim.why : undefined;
}

function workerOf(worker: Worker, claim: string | null): z.infer<typeof WorkerView> {
  const { facts, id, title, state, reason, dependsOn, summary, evidence } = worker;
  const { createdAt, startedAt, endedAt, evidenceAt } = worker;
  return {
    id,
    title,
    state,
    reason,
    dependsOn: [...dependsOn],
    sessionId: facts === null && worker.slot !== "held" ? null : id,
    summary,
    evidence: [...evidence],
    branch: facts?.workspace.branch ?? null,
    claim,
    createdAt,
    startedAt,
    endedAt,
    evidenceAt,
  };
}

function pullOf(pull: ReturnType<typeof pullsOf>[number]): z.infer<typeof PullView> {
  const { url, number, title, state, ci, review, unresolved, headRef, headSha, worker } = pull;
  return { url, number, title, state, checks: ci, review, unresolved, headRef, headSha, worker };
}

/** One line of a list of objectives. */
export const ObjectiveLine = ObjectiveView.pick({
  id: true,
  projectId: true,
  title: true,
  state: true,
  status: true,
  reason: true,
  since: true,
  next: true,
  createdAt: true,
  updatedAt: true,
}).extend({
  managerId: z.string().nullable(),
  workers: z.object({ open: z.number(), succeeded: z.number(), failed: z.number() }),
  openPulls: z.number(),
  openQuestions: z.number(),
});

export function objectiveLine(row: SnapshotRow, at: number): z.infer<typeof ObjectiveLine> {
  const view = objectiveView(row, at);
  const count = (...states: string[]): number =>
    view.workers.filter(({ state }) => states.includes(state)).length;
  const { id, projectId, title, state, status, reason, since, next, createdAt, updatedAt } = view;
  return {
    id,
    projectId,
    title,
    state,
    status,
    reason,
    since,
    next,
    createdAt,
    updatedAt,
    managerId: view.manager.sessionId,
    workers: {
      open: count("waiting", "starting", "running", "idle", "asking"),
      succeeded: count("succeeded"),
      failed: count("failed", "canceled"),
    },
    openPulls: view.pulls.filter(isOpenPull).length,
    openQuestions: view.questions.filter((question) => question.state === "open").length,
  };
}
