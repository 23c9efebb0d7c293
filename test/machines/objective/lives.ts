import { array, constantFrom, integer, record } from "fast-check";
import { addressOf, type KindName } from "../../../machines/ids.ts";
import { objectiveKind } from "../../../machines/objective/objective.ts";
import type { ObjectiveContext } from "../../../machines/objective/record.ts";
import { Settings } from "../../../machines/settings.ts";
import type { Told } from "../../support/step.ts";

// What members, persons and timers may do to an objective, in any order: the lives of which tests are made.

export const settings = Settings.parse({});
export const kind = objectiveKind(settings);
export const START: Told = {
  type: "objective.start",
  from: "project/mer",
  at: 1,
  data: { projectId: "mer", prompt: "Build it." },
};

function facts(more: Record<string, unknown>): Record<string, unknown> {
  return {
    kind: "manager",
    lifecycle: { state: "working", reason: "task_in_progress" },
    activity: { state: "active", since: 1 },
    runtime: "alive",
    evidenceAt: null,
    terminal: { epoch: 1, state: "live" },
    pulls: [],
    workspace: { path: null, branch: "b", headSha: "a", dirty: false, unpushed: 0, state: "ready" },
    report: null,
    ended: null,
    exitCode: null,
    ...more,
  };
}

/** Managers that run and crash until a person is asked: chance alone hardly ever comes to that. */
export const CRASHES: readonly Move[] = Array.from({ length: 5 }, () =>
  ["active", "crash", "timer"].map((what) => ({ what, n: 1, ms: 1_000 })),
).flat();

/** Managers that rest and are poked in vain, until they are replaced. */
export const POKES: readonly Move[] = [
  ["active", "idle"],
  ...Array.from({ length: 4 }, () => ["timer", "unmoved", "timer"]),
]
  .flat()
  .map((what) => ({ what, n: 1, ms: 1_000 }));

/** What only a manager says that was replaced. */
export const STALE = "from a manager of before";

export type Move = { readonly what: string; readonly n: number; readonly ms: number };
/** Everything that may happen. */
export const WHATS: readonly string[] = [
  "active",
  "idle",
  "ask",
  "prompt",
  "crash",
  "clean",
  "lost",
  "worker",
  "wactive",
  "widle",
  "wreport",
  "wcrash",
  "pull",
  "merge",
  "answer",
  "dismiss",
  "send",
  "receipt",
  "noreceipt",
  "unmoved",
  "timer",
  "audit",
  "slot",
  "plan",
  "refused",
  "cancel",
  "done",
  "quota",
  "stale",
  "grant",
  "held",
  "quarantined",
  "wquarantined",
  "stopped",
  "sendlost",
  "killlost",
  "wkilllost",
  "stoplost",
  "spawnlost",
];

export const moves = array(
  record({
    what: constantFrom(...WHATS, "timer", "timer", "timer"),
    n: integer({ min: 1, max: 3 }),
    ms: constantFrom(0, 1_000, 60_000, 600_000, 7_200_000),
  }),
  { maxLength: 60 },
);

export function seen(
  session: string,
  more: Record<string, unknown>,
  receipts: object[] = [],
): Told {
  const data = { facts: facts(more), receipts };
  return { type: "member.seen", from: `session/${session}`, data };
}

/** What a move comes to in the record as it stands; undefined when it cannot happen. */
export function toldOf({ what, n }: Move, context: ObjectiveContext, at: number): Told | undefined {
  const id = context.manager.sessionId ?? "mer-1-m1";
  const by = { session: id, epoch: 1 };
  const worker = context.workers[n - 1]?.id;
  const old = context.lives.at(-1);
  const former =
    old === undefined || old.sessionId === id ? undefined : { session: old.sessionId, epoch: 1 };
  const mine = (more: Record<string, unknown>): Told => seen(id, more);
  const its = (more: Record<string, unknown>): Told | undefined =>
    worker === undefined ? undefined : seen(worker, { kind: "worker", ...more });
  const turn = (state: string): Record<string, unknown> => ({ activity: { state, since: at } });
  const sending = context.sendings[0];
  const question = context.questions.find(({ state }) => state === "open")?.id;
  const asked = (type: string, data: object): Told | undefined =>
    question === undefined ? undefined : { type, from: `question/${question}`, data };
  const receipt = (state: string): Told | undefined =>
    sending === undefined
      ? undefined
      : seen(sending.to, turn("active"), [{ ref: sending.ref, state }]);
  const all: Record<string, Told | undefined> = {
    active: mine(turn("active")),
    idle: mine(turn("idle")),
    prompt: mine(turn("waiting_input")),
    crash: mine({ ended: "crash" }),
    clean: mine({ ended: "clean", exitCode: 0 }),
    lost: mine({ ended: "infra" }),
    ask: { type: "objective.ask", data: { question: "q", by } },
    worker: { type: "objective.worker", data: { title: "t", prompt: "p", by } },
    wactive: its(turn("active")),
    widle: its(turn("idle")),
    wreport: its({ report: { summary: "s", outcome: "succeeded" } }),
    wcrash: its({ ended: "crash" }),
    pull: its(pull("open", n)),
    merge: its(pull("merged", n)),
    answer: asked("question.answered", { answer: "go on" }),
    dismiss: asked("question.canceled", {}),
    send: { type: "objective.send", data: { text: "hello" } },
    receipt: receipt("delivered"),
    noreceipt: receipt("undeliverable"),
    unmoved: unmoved(context),
    timer: { type: "timer.next" },
    audit: { type: "objective.audit" },
    slot: worker === undefined ? undefined : { type: "slot.granted", data: { worker } },
    plan: { type: "objective.plan", data: { items: [{ title: "slice" }], by } },
    refused: { type: "member.refused", data: { sessionId: id, code: "X", message: "no" } },
    stale:
      former === undefined
        ? undefined
        : { type: "objective.note", data: { text: STALE, by: former } },
    grant: asked("question.answered", { answer: "grant" }),
    quota: mine({ limitedUntil: n === 3 ? null : at + 3_600_000 }),
    done: n === 1 ? undefined : ending(n === 2 ? "failed" : "succeeded", by),
    ...lossesOf({ manager: id, worker }),
    cancel: n === 3 ? { type: "objective.cancel" } : undefined,
  };
  return all[what];
}

function died(kindOf: KindName, of: string, name: string): Told {
  const to = addressOf(kindOf, of);
  const data = { order: "objective/mer-1#1.0", to, name, code: "ACTOR_UNKNOWN", message: "no" };
  return { type: "mail.undeliverable", from: to, data };
}

function broken(session: string): Told {
  return { type: "child.quarantined", from: `session/${session}`, data: { strikes: 3 } };
}

/** Whoever cannot be told anything any more. */
function lossesOf({
  manager,
  worker,
}: {
  readonly manager: string;
  readonly worker: string | undefined;
}): Record<string, Told | undefined> {
  return {
    held:
      worker === undefined ? undefined : { type: "slot.waiting", data: { worker, reason: "r" } },
    quarantined: broken(manager),
    wquarantined: worker === undefined ? undefined : broken(worker),
    stopped: { type: "child.stopped", from: `terminal/${manager}`, data: { epoch: 1 } },
    sendlost: died("session", manager, "session.send"),
    killlost: died("session", manager, "session.kill"),
    wkilllost: worker === undefined ? undefined : died("session", worker, "session.kill"),
    stoplost: died("terminal", manager, "child.stop"),
    spawnlost: died("project", "mer", "project.spawn"),
  };
}

/** A text was typed, and nothing followed. */
function unmoved({
  sendings: [sending],
  manager: { facts: known },
}: ObjectiveContext): Told | undefined {
  if (sending === undefined || known === null) return undefined;
  const { to, ref } = sending;
  return seen(to, { activity: known.activity }, [{ ref, state: "delivered" }]);
}

function pull(state: string, n: number): Record<string, unknown> {
  const url = `u${n}`;
  const judged = { ci: "passing", review: "none", mergeable: true, unresolved: 0 };
  const one = { url, number: n, title: "t", state, headSha: "a", headRef: "b", ...judged };
  return { pulls: [one] };
}

function ending(outcome: string, by: object): Told {
  return { type: "objective.done", data: { summary: "s", outcome, by } };
}

/** Nothing happens after a timer was due and before it fired. */
export function timeOf({ what, ms }: Move, { wakeAt }: ObjectiveContext, at: number): number {
  const dueAt = wakeAt ?? Infinity;
  if (what === "timer") return Math.max(at, wakeAt ?? at);
  return Math.max(at, Math.min(at + ms, dueAt - 1));
}
