import { array, assert, constantFrom, integer, property, record } from "fast-check";
import { expect, it } from "vitest";
import { objectiveKind } from "../../machines/objective.ts";
import type { ObjectiveContext } from "../../machines/objective-record.ts";
import { Settings } from "../../machines/settings.ts";
import { machineUnderTest, type Told } from "../support/step.ts";

// The invariants of an objective, whatever its members, persons and timers do, in any order.

const kind = objectiveKind(Settings.parse({}));
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
    ),
    n: integer({ min: 1, max: 3 }),
    ms: constantFrom(0, 1_000, 60_000, 600_000, 7_200_000),
  }),
  { maxLength: 60 },
);

/** What a move comes to in the record as it stands; undefined when it cannot happen. */
function toldOf({ what, n }: Move, context: ObjectiveContext, at: number): Told | undefined {
  const id = context.manager.sessionId ?? "mer-1-m1";
  const by = { session: id, epoch: 1 };
  const worker = context.workers[n - 1]?.id;
  const seen = (session: string, more: Record<string, unknown>, receipts: object[] = []): Told => ({
    type: "member.seen",
    from: `session/${session}`,
    data: { facts: facts(more), receipts },
  });
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
    cancel: n === 3 ? { type: "objective.cancel" } : undefined,
  };
  return all[what];
}

it("holds its invariants in any life, and does the same after every restart", () => {
  expect.hasAssertions();
  const isHeld = property(moves, (life) => {
    const machine = machineUnderTest<ObjectiveContext>(kind);
    const restarted = machineUnderTest<ObjectiveContext>(kind);
    let at = 1;
    machine.send(START);
    restarted.send(START);
    for (const move of life) {
      const before = machine.now.context;
      const isTimer = move.what === "timer";
      const wakeAt = before.wakeAt ?? Infinity;
      // Nothing happens after a timer was due and before it fired.
      if (isTimer) at = Math.max(at, before.wakeAt ?? at);
      else at = Math.max(at, Math.min(at + move.ms, wakeAt - 1));
      const told = toldOf(move, before, at);
      if (told === undefined) continue;
      const step = machine.send({ ...told, at });
      const { context, orders, value } = step;
      // 1. One manager at a time: a new one is ordered only with a raised epoch, when none runs.
      const spawned = orders.filter(
        (order) =>
          order.type === "mail" &&
          order.name === "project.spawn" &&
          order.data["kind"] === "manager",
      );
      expect(spawned.length).toBeLessThanOrEqual(1);
      if (spawned.length === 1) expect(context.manager.epoch).toBe(before.manager.epoch + 1);
      // 2. No silent stall: whoever goes on waits for a time ahead.
      if (context.end === null)
        expect(context.wakeAt ?? 0, JSON.stringify(context.standing)).toBeGreaterThan(at);
      else expect(context.wakeAt).toBeNull();
      // 3. Nothing that was said is lost: it waits, is on its way, or was delivered.
      const refs = new Set(context.sendings.map(({ ref }) => ref));
      for (const { state, ref } of context.inbox)
        if (state === "sending" && context.end === null)
          expect(refs.has(ref ?? "") || (ref ?? "").startsWith("prompt:")).toBe(true);
      // 5. One open escalation at most.
      expect(
        context.questions.filter((each) => each.kind === "escalation" && each.state === "open")
          .length,
      ).toBeLessThanOrEqual(1);
      // 6. Nothing is done for an objective that had ended.
      if (before.end !== null)
        expect(
          orders
            .filter(({ type }) => type !== "reply" && type !== "refuse")
            .map((order) => JSON.stringify(order))
            .filter((text) => !text.includes("session.kill") && !text.includes("slot.released")),
        ).toEqual([]);
      // The chart shows what the record says.
      expect(JSON.stringify(value)).toContain(`"${context.standing.phase}"`);
      // 7. A restart at any point leads to the same.
      restarted.restart();
      expect(restarted.send({ ...told, at }).orders).toEqual(orders);
    }
    expect(restarted.persisted()).toEqual(machine.persisted());
  });
  assert(isHeld, { numRuns: 300 });
});
