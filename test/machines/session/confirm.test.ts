import { describe, expect, it } from "vitest";
import { Delivery } from "../../../machines/children.ts";
import type { SessionContext } from "../../../machines/session/record.ts";
import type { MachineUnderTest, Told } from "../../support/step.ts";
import { startSession, terminalExited } from "../samples.ts";
import { after, kill, live, says, send } from "./samples.ts";

const CONFIRM_MS = 6_000;
const spoken = [startSession({ harness: "claude-code" }), ...live.slice(1), says("idle")];
const text = { ...send("go on, please"), id: "a", at: 100 };
const typed: Told = { type: "terminal.delivered", data: { deliveryId: "a" }, at: 200 };
const late = (n: number): Told => ({ type: "timer.confirm", at: 200 + n * CONFIRM_MS });
const took = (said?: string): Told => says("active", { event: "user-prompt-submit", text: said });

type Machine = MachineUnderTest<SessionContext>;

function entersOf(machine: Machine, told: Told): unknown[] {
  return machine
    .send(told)
    .orders.flatMap((order) =>
      order.type === "mail" && order.name === "terminal.deliver" ? [order.data] : [],
    );
}
const states = (machine: Machine): unknown[] =>
  machine.now.context.messages.map(({ state, reason }) =>
    reason === undefined ? state : [state, reason],
  );

describe("a text", () => {
  it("is delivered when its agent says that it took it", () => {
    const machine = after(...spoken, text, typed);
    expect(states(machine)).toEqual(["delivering"]);
    machine.send(took("go on, please"));
    expect(states(machine)).toEqual(["delivered"]);
  });

  it("is delivered when the agent's word comes before the terminal's", () => {
    const machine = after(...spoken, text, took(), typed);
    expect(states(machine)).toEqual(["delivered"]);
  });

  it("is not taken for another that a person typed", () => {
    const machine = after(...spoken, text, typed, took("something else"));
    expect(states(machine)).toEqual(["delivering"]);
  });

  it.each([
    { title: "has no hooks", was: [...live, says("idle")] },
    { title: "has not spoken by its hooks", was: spoken.slice(0, -1) },
  ])("is delivered by the terminal's word alone when its agent $title", ({ was }) => {
    expect(states(after(...was, text, typed))).toEqual(["delivered"]);
  });

  it("is the only one that is out until then (K1)", () => {
    const machine = after(...spoken, text, typed);
    expect(entersOf(machine, send("more"))).toEqual([]);
    expect(entersOf(machine, took())).toMatchObject([{ text: "more" }]);
  });

  it("gets Enter twice more while its agent rests, then counts as delivered, unconfirmed (K2, K3)", () => {
    const machine = after(...spoken, text, typed);
    expect([1, 2, 3].map((n) => entersOf(machine, late(n)))).toEqual([
      [{ deliveryId: "a#enter2", text: "", epoch: 1 }],
      [{ deliveryId: "a#enter3", text: "", epoch: 1 }],
      [],
    ]);
    expect(states(machine)).toEqual([["delivered", "typed, and not confirmed by its agent"]]);
  });

  it("gets an Enter that its terminal takes however long its id is (K2)", () => {
    const id = "a".repeat(256);
    const told = { ...typed, data: { deliveryId: id } };
    const machine = after(...spoken, { ...text, id }, told);
    const [enter] = entersOf(machine, late(1));
    expect(Delivery.safeParse(enter).error).toBeUndefined();
  });

  it.each(["blocked", "waiting_input", "active"])(
    "gets no Enter while its agent is %s (K2)",
    (state) => {
      const machine = after(...spoken, text, typed, says(state));
      expect(entersOf(machine, late(1))).toEqual([]);
    },
  );

  it("arms one timer for the word, and cancels it when it came", () => {
    const machine = after(...spoken, text);
    expect(machine.send(typed).orders).toContainEqual({
      type: "arm",
      name: "confirm",
      dueAt: 200 + CONFIRM_MS,
    });
    expect(machine.send(took()).orders).toContainEqual({ type: "cancel", name: "confirm" });
  });

  it.each([
    { title: "its program ended", told: terminalExited(1) },
    { title: "it was killed", told: kill() },
  ])("awaits no word for ever once $title", ({ told }) => {
    const machine = after(...spoken, text, typed, told);
    expect(entersOf(machine, late(1))).toEqual([]);
    expect(states(machine)).toEqual([["delivered", "typed, and not confirmed by its agent"]]);
  });
});
