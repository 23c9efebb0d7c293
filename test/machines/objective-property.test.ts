import { array, assert, boolean, constantFrom, integer, property, record } from "fast-check";
import { expect, it } from "vitest";
import { claimOn } from "../../machines/claims.ts";
import { objectiveKind } from "../../machines/objective.ts";
import type { ObjectiveContext } from "../../machines/objective-record.ts";
import { Settings } from "../../machines/settings.ts";
import { machineUnderTest, type Stepped, type Told } from "../support/step.ts";

// The invariants of an objective, whatever its members, persons and timers do, in any order.
//
//   1 one manager · 2 no silent stall · 3 nothing is lost · 4 no directory goes while it is claimed · 5 one escalation,
//   whose answer changes state · 6 nothing for an older manager or after the end · 7 the same after any restart

const settings = Settings.parse({});
const kind = objectiveKind(settings);
const START: Told = {
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
const CRASHES: readonly Move[] = Array.from({ length: 5 }, () =>
  ["active", "crash", "timer"].map((what) => ({ what, n: 1, ms: 1_000 })),
).flat();

/** What only a manager says that was replaced. */
const STALE = "from a manager of before";

type Move = { readonly what: string; readonly n: number; readonly ms: number };
const moves = array(
  record({
    what: constantFrom(
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
      "timer",
      "timer",
      "timer",
      "timer",
      "audit",
      "slot",
      "plan",
      "refused",
      "cancel",
      "stale",
      "grant",
    ),
    n: integer({ min: 1, max: 3 }),
    ms: constantFrom(0, 1_000, 60_000, 600_000, 7_200_000),
  }),
  { maxLength: 60 },
);

function seen(session: string, more: Record<string, unknown>, receipts: object[] = []): Told {
  const data = { facts: facts(more), receipts };
  return { type: "member.seen", from: `session/${session}`, data };
}

/** What a move comes to in the record as it stands; undefined when it cannot happen. */
function toldOf({ what, n }: Move, context: ObjectiveContext, at: number): Told | undefined {
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
  const pull = (state: string): Record<string, unknown> => ({
    pulls: [
      {
        url: `u${n}`,
        number: n,
        title: "t",
        state,
        headSha: "a",
        headRef: "b",
        ci: "passing",
        review: "none",
        mergeable: true,
        unresolved: 0,
      },
    ],
  });
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
    pull: its(pull("open")),
    merge: its(pull("merged")),
    answer: asked("question.answered", { answer: "go on" }),
    dismiss: asked("question.canceled", {}),
    send: { type: "objective.send", data: { text: "hello" } },
    receipt: receipt("delivered"),
    noreceipt: receipt("undeliverable"),
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
    cancel: n === 3 ? { type: "objective.cancel" } : undefined,
  };
  return all[what];
}

type Seen = {
  readonly told: Told;
  readonly before: ObjectiveContext;
  readonly step: Stepped<ObjectiveContext>;
  readonly at: number;
};

/** What each invariant says of one step; true where it is kept. */
const INVARIANTS: Readonly<Record<string, (seen: Seen) => boolean>> = {
  "1: a new manager is ordered only with a raised epoch": ({ before, step }) => {
    const spawned = mailOf(step, "project.spawn").filter(({ data }) => data["kind"] === "manager");
    const isRaised = step.context.manager.epoch === before.manager.epoch + 1;
    return spawned.length === 0 || (spawned.length === 1 && isRaised);
  },
  "2: whoever goes on waits for a time ahead": ({ step: { context }, at }) =>
    context.end === null ? (context.wakeAt ?? 0) > at : context.wakeAt === null,
  "3: what is on its way has a sending, or is in a prompt": ({ step: { context } }) => {
    const refs = new Set(context.sendings.map(({ ref }) => ref));
    const isKnown = (ref: string): boolean => refs.has(ref) || ref.startsWith("prompt:");
    const sent = context.inbox.filter(({ state }) => state === "sending");
    return context.end !== null || sent.every(({ ref }) => isKnown(ref ?? ""));
  },
  "3: what was accepted stays until it is delivered": ({ before, step: { context } }) => {
    const ids = new Set(context.inbox.map(({ id }) => id));
    const open = before.inbox.filter(({ state }) => state !== "delivered");
    return context.end !== null || open.every(({ id }) => ids.has(id));
  },
  "4: the session of a worker is closed only when nothing claims it": ({ told, step, at }) => {
    const { context } = step;
    const closed = mailOf(step, "session.kill").filter(({ data }) => data["kind"] === "cleanup");
    const isOrdered = told.type === "objective.stop" || context.end !== null;
    return isOrdered || closed.every(({ to }) => !isClaimed(context, to, at));
  },
  "5: one escalation is open at most": ({ step: { context } }) =>
    context.questions.filter((each) => each.kind === "escalation" && each.state === "open")
      .length <= 1,
  "5: its answer changes state": ({ told, before, step: { context } }) => {
    const { escalation } = before;
    const isAnswer =
      told.type === "question.answered" && told.from === `question/${escalation?.questionId}`;
    return !isAnswer || context.escalation?.questionId !== escalation?.questionId;
  },
  "6: an older manager is refused, and changes nothing": ({ told, before, step }) =>
    !JSON.stringify(told).includes(STALE) ||
    before.end !== null ||
    step.orders.some((order) => order.type === "refuse" && order.code === "EPOCH_STALE"),
  "6: nothing is done after the end, but to end what is left": ({ before, step }) =>
    before.end === null ||
    step.orders.every(
      (order) =>
        order.type === "reply" ||
        order.type === "refuse" ||
        (order.type === "mail" && ["session.kill", "slot.released"].includes(order.name)),
    ),
  "the chart shows what the record says": ({ step: { value, context } }) =>
    JSON.stringify(value).includes(`"${context.standing.phase}"`),
};

type Mail = Extract<Stepped<ObjectiveContext>["orders"][number], { type: "mail" }>;

function mailOf({ orders }: Seen["step"], name: string): readonly Mail[] {
  return orders.filter((order): order is Mail => order.type === "mail" && order.name === name);
}

/** Whether anything still needs what the session of a worker has. */
function isClaimed(context: ObjectiveContext, session: string, at: number): boolean {
  const worker = context.workers.find(({ id }) => `session/${id}` === session);
  if (worker === undefined) return false;
  const claim = claimOn(context, worker, settings.supervisor);
  return claim !== undefined && (claim.until === null || claim.until > at);
}

/** Nothing happens after a timer was due and before it fired. */
function timeOf({ what, ms }: Move, { wakeAt }: ObjectiveContext, at: number): number {
  const dueAt = wakeAt ?? Infinity;
  if (what === "timer") return Math.max(at, wakeAt ?? at);
  return Math.max(at, Math.min(at + ms, dueAt - 1));
}

it("holds its invariants in any life, and does the same after every restart", () => {
  expect.hasAssertions();
  const isHeld = property(boolean(), moves, (isEscalated, drawn) => {
    const life = isEscalated ? [...CRASHES, ...drawn] : drawn;
    const machine = machineUnderTest<ObjectiveContext>(kind);
    const restarted = machineUnderTest<ObjectiveContext>(kind);
    let at = 1;
    for (const move of [undefined, ...life]) {
      const before = machine.now.context;
      at = move === undefined ? at : timeOf(move, before, at);
      const told = move === undefined ? START : toldOf(move, before, at);
      if (told === undefined) continue;
      const step = machine.send({ ...told, at });
      const kept = Object.entries(INVARIANTS).map(([name, holds]) => [
        name,
        holds({ told, before, step, at }),
      ]);
      expect(kept.filter(([, isKept]) => isKept !== true)).toEqual([]);
      restarted.restart();
      expect(restarted.send({ ...told, at }).orders).toEqual(step.orders);
    }
    expect(restarted.persisted()).toEqual(machine.persisted());
  });
  assert(isHeld, { numRuns: 500 });
});
