import { array, assert, constantFrom, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { HARNESSES } from "../../../machines/harness/harnesses.ts";
import type { SessionContext } from "../../../machines/session/record.ts";
import { limitsOf, sessionKind } from "../../../machines/session/session.ts";
import { stepSession } from "../../../machines/session/step.ts";
import { withDefaults } from "../../../machines/session/upgrade.ts";
import { Settings } from "../../../machines/settings.ts";
import type { MachineUnderTest, Stepped, Told } from "../../support/step.ts";
import { done, failed, startSession, terminalExited, workspaceStarted } from "../samples.ts";
import { after, gone, kill, live, probe, report, says, send } from "./samples.ts";

const SETTINGS = Settings.parse({});
const WORKING_MS = 600_000;
const RESTING_MS = 86_400_000;
const DOUBT_MS = 300_000;
const LOOK_MS = 120_000;
/** The last of what began it was said about now. */
const BEGUN = 10;

const over = (at: number): Told => ({ type: "timer.watch", at });
const shows = (runtime: string, process: string, at: number, epoch = 1): Told =>
  done("inspectTerminal", { epoch, runtime, process }, { at });
const unseen = (at: number): Told => failed("inspectTerminal", { at });

const seenAlive = {
  type: "runtime.observed",
  id: "seen",
  at: 5,
  data: { runtime: "alive", process: "alive" },
} as const;

function armedBy({ orders }: Stepped): unknown[] {
  return orders.filter((order) => "name" in order && order.name === "watch");
}
function lookOf({ orders }: Stepped): unknown[] {
  return orders.filter((order) => order.type === "effect" && order.name === "inspectTerminal");
}
function lifecycleOf(machine: MachineUnderTest<SessionContext>): string {
  return machine.now.context.axes.lifecycle.state;
}
/** Rings the watch whenever it is due, until it asks for a look; when that was. */
function lookedAt(machine: MachineUnderTest<SessionContext>): number | null {
  for (let ring = 0; ring < 3; ring += 1) {
    const dueAt = machine.now.context.watch?.dueAt;
    if (dueAt === undefined) return null;
    if (lookOf(machine.send(over(dueAt))).length > 0) return dueAt;
  }
  return null;
}

describe("the lease of a session (W-1)", () => {
  it.each([
    { title: "not_started", was: live, ms: RESTING_MS },
    { title: "working", was: [...live, says("active")], ms: WORKING_MS },
    { title: "idle", was: [...live, says("idle")], ms: RESTING_MS },
    { title: "needs_input", was: [...live, says("waiting_input")], ms: RESTING_MS },
    { title: "detecting", was: [...live, probe("failed", "failed")], ms: DOUBT_MS },
    { title: "stuck", was: [...live, says("blocked")], ms: null },
    { title: "done", was: [...live, report], ms: null },
    { title: "terminated", was: [...live, terminalExited(1)], ms: null },
    { title: "terminated", was: [...live, gone], ms: null },
    { title: "not_started", was: [startSession(), workspaceStarted], ms: null },
    { title: "terminated", was: [...live, kill()], ms: null },
  ] satisfies { title: string; was: Told[]; ms: number | null }[])(
    "that is $title is $ms ms",
    ({ title, was, ms }) => {
      const machine = after(...was);
      expect(lifecycleOf(machine)).toBe(title);
      const at = lookedAt(machine);
      expect([at === null, Math.abs((at ?? 0) - (ms ?? 0)) < BEGUN]).toEqual([ms === null, true]);
    },
  );

  it("is renewed by whatever is heard, and that moves no timer (W-4)", () => {
    const machine = after(...live);
    expect(armedBy(machine.send(says("active")))).toEqual([
      { type: "arm", name: "watch", dueAt: 4 + WORKING_MS },
    ]);
    const heard: Told[] = [
      { ...says("active"), at: 100_000 },
      { ...says("idle"), at: 200_000 },
      { ...says("active"), at: 300_000 },
      {
        type: "workspace.observed",
        data: { headSha: "b", branch: "x", dirty: true, unpushed: 1 },
        at: 400_000,
      },
    ];
    expect(heard.flatMap((told) => armedBy(machine.send(told)))).toEqual([]);
    const step = machine.send(over(4 + WORKING_MS));
    expect([lookOf(step), armedBy(step)]).toEqual([
      [],
      [{ type: "arm", name: "watch", dueAt: 400_000 + WORKING_MS }],
    ]);
  });

  it("asks for one look, at its own epoch, and for nothing else (W-2)", () => {
    const machine = after(...live, says("active"));
    const { revision } = machine.now.context;
    const step = machine.send(over(4 + WORKING_MS));
    expect(step.orders).toEqual([
      {
        type: "effect",
        name: "inspectTerminal",
        lane: "look:mer-1",
        epoch: 1,
        data: { terminal: "mer-1", host: "local", epoch: 1 },
      },
      { type: "arm", name: "watch", dueAt: 4 + WORKING_MS + LOOK_MS },
    ]);
    expect(step.context).toMatchObject({ revision, axes: { lifecycle: { state: "working" } } });
    expect(lookOf(machine.send({ ...says("idle"), at: 700_000 }))).toEqual([]);
  });
});

const AT = 700_000;
const rows = [
  { title: "can be read", told: shows("alive", "alive", AT), state: "working" },
  {
    title: "can be read, its program unseen",
    told: shows("alive", "indeterminate", AT),
    state: "working",
  },
  {
    title: "is there without its program",
    told: shows("alive", "dead", AT),
    state: "detecting",
    reason: "agent_process_exited",
  },
  {
    title: "is gone, its program unseen",
    told: shows("dead", "indeterminate", AT),
    state: "detecting",
    reason: "runtime_lost",
  },
  {
    title: "is gone while its program runs",
    told: shows("dead", "alive", AT),
    state: "detecting",
    reason: "runtime_lost",
  },
  {
    title: "cannot be read",
    told: unseen(AT),
    state: "detecting",
    reason: "probe_failure",
  },
  {
    title: "is not answered for",
    told: over(4 + WORKING_MS + LOOK_MS),
    state: "detecting",
    reason: "probe_failure",
  },
  // Two witnesses and a lapsed lease, not silence.
  {
    title: "is gone with its program",
    told: shows("dead", "dead", AT),
    state: "terminated",
    reason: "runtime_lost",
  },
  { title: "was of an older epoch", told: shows("dead", "dead", AT, 0), state: "working" },
];

describe("a screen that was looked at (W-3)", () => {
  it.each(rows)("and $title makes it $state", ({ told, state, reason }) => {
    const machine = after(...live, says("active"), over(4 + WORKING_MS));
    const { revision } = machine.now.context;
    const step = machine.send(told);
    const { lifecycle } = step.context.axes;
    expect([lifecycle.state, lifecycle.reason]).toEqual([state, reason ?? "task_in_progress"]);
    expect(step.value).toMatchObject({ lifecycle: state });
    expect(step.context.revision - revision).toBe(state === "working" ? 0 : 1);
  });

  it("and could be read renews the lease", () => {
    const machine = after(...live, says("active"), over(4 + WORKING_MS));
    expect(armedBy(machine.send(shows("alive", "alive", AT)))).toEqual([
      { type: "arm", name: "watch", dueAt: AT + WORKING_MS },
    ]);
  });

  it("hides no question that can still be read (O-2)", () => {
    const machine = after(...live, says("waiting_input"));
    machine.send(over(4 + RESTING_MS));
    machine.send(shows("alive", "alive", 5 + RESTING_MS));
    expect(lifecycleOf(machine)).toBe("needs_input");
  });

  it("in doubt brings it back, or a person to it", () => {
    const doubted = () => after(...live, says("active"), over(4 + WORKING_MS), unseen(AT));
    const back = doubted();
    back.all(over(AT + DOUBT_MS), shows("alive", "alive", AT + DOUBT_MS));
    const lost = doubted();
    const step = lost.all(over(AT + DOUBT_MS), unseen(AT + DOUBT_MS));
    expect([lifecycleOf(back), lifecycleOf(lost)]).toEqual(["working", "stuck"]);
    expect(step.context.notices).toMatchObject([{ type: "agent-stuck" }]);
    // Told once: the same silence asks nobody again.
    expect(armedBy(step)).toEqual([{ type: "cancel", name: "watch" }]);
  });

  const BEGAN = 4 + WORKING_MS;
  const GIVEN_UP = BEGAN + LOOK_MS;
  it.each([
    { title: "a probe saw it alive", heard: probe("alive", "alive") },
    { title: "its agent spoke", heard: says("active") },
  ])("that nobody answered for is no doubt where $title since", ({ heard }) => {
    const machine = after(...live, says("active"), probe("alive", "alive"));
    const givenUpAt = (lookedAt(machine) ?? Number.NaN) + LOOK_MS;
    const at = givenUpAt - 29;
    machine.send({ ...heard, at });
    const { revision } = machine.now.context;
    const step = machine.send(over(givenUpAt));
    expect([lifecycleOf(machine), lookOf(step), step.context.revision]).toEqual([
      "working",
      [],
      revision,
    ]);
    expect(armedBy(step)).toEqual([{ type: "arm", name: "watch", dueAt: at + WORKING_MS }]);
    expect(lookedAt(machine)).toBe(at + WORKING_MS);
  });

  it("that nobody answered for is a doubt where life was seen before it began", () => {
    const machine = after(...live, says("active"), probe("alive", "alive"));
    const at = lookedAt(machine) ?? Number.NaN;
    machine.all(probe("alive", "alive", { at: at - 1 }), over(at + LOOK_MS));
    expect(lifecycleOf(machine)).toBe("detecting");
  });

  it.each([
    { title: "alive", told: shows("alive", "alive", GIVEN_UP + 78), state: "working" },
    { title: "gone", told: shows("dead", "dead", GIVEN_UP + 78), state: "terminated" },
    { title: "of an older epoch", told: shows("alive", "alive", AT, 0), state: "detecting" },
    { title: "unseen", told: unseen(GIVEN_UP + 78), state: "detecting" },
  ])("and told late counts as a probe does: $title makes it $state", ({ told, state }) => {
    const machine = after(...live, says("active"), over(BEGAN), over(GIVEN_UP));
    expect(lifecycleOf(machine)).toBe("detecting");
    const step = machine.send(told);
    expect([lifecycleOf(machine), step.value]).toMatchObject([state, { lifecycle: state }]);
    expect(step.isUnchanged).toBe(state === "detecting");
  });

  it("and told late counts for nothing where a probe is newer", () => {
    const machine = after(...live, says("active"), over(BEGAN), over(GIVEN_UP));
    machine.send(probe("alive", "alive", { at: GIVEN_UP + 9 }));
    expect(machine.send(shows("dead", "dead", GIVEN_UP + 8)).isUnchanged).toBe(true);
  });
});

it("ends by silence alone in no life, however long it is silent (W-3)", () => {
  const beginnings = ["active", "ready", "idle", "waiting_input", "blocked"].map((state) =>
    says(state),
  );
  const silences = array(constantFrom("no answer", "unseen", "half gone", "quiet"));
  const isKept = property(constantFrom(...beginnings), silences, (said, silent) => {
    const machine = after(...live, said);
    for (const silence of silent) {
      const at = lookedAt(machine);
      if (at === null) break;
      if (silence === "no answer") machine.send(over(at + LOOK_MS));
      if (silence === "unseen") machine.send(unseen(at));
      if (silence === "half gone") machine.send(shows("dead", "indeterminate", at));
      if (silence === "quiet") machine.send(shows("alive", "alive", at));
      expect(machine.now.value).toMatchObject({ wanted: "running" });
      expect(["terminated", "done"]).not.toContain(lifecycleOf(machine));
    }
  });
  assert(isKept, { numRuns: 300 });
});

it("has no lease in a record of an older version, and gets it with the next message (R9)", () => {
  const { context, value } = after(...live, says("active")).now;
  const { watch, ...older } = context;
  const state = { status: "active", value, context: older } as const;
  const upgraded = { ...context, watch: null };
  expect(withDefaults(state)).toEqual({ ...state, context: upgraded });
  expect(sessionKind(SETTINGS).migrations?.[3]).toBe(withDefaults);
  // The first probe after the start, which tells nothing new.
  const step = stepSession(upgraded, seenAlive, limitsOf(SETTINGS));
  expect([step.context.watch, step.context.revision]).toEqual([watch, context.revision]);
});

const looks = (rests: boolean, at: number): Told =>
  done("inspectTerminal", { epoch: 1, runtime: "alive", process: "alive", rests }, { at });

describe("an agent whose screen tells when it rests (W-5)", () => {
  const ASKING_MS = 30_000;
  const begun = [startSession({ harness: "codex" }), ...live.slice(1)];

  it.each([
    { title: "was asked for a permission", was: [says("blocked")] },
    { title: "asked something", was: [says("waiting_input")] },
    { title: "has not spoken yet", was: [] },
  ] satisfies { title: string; was: Told[] }[])("$title and rests all the same", ({ was }) => {
    const machine = after(...begun, ...was);
    const at = lookedAt(machine) ?? 0;
    expect(Math.abs(at - ASKING_MS)).toBeLessThan(BEGUN);
    const step = machine.send(looks(true, at + 1));
    expect(step.context.axes).toMatchObject({
      lifecycle: { state: "idle" },
      activity: { state: "idle", source: "terminal" },
    });
    expect(step.value).toMatchObject({ lifecycle: "idle", activity: "idle" });
  });

  it("rests where its turn lost its end", () => {
    const machine = after(...begun, says("active"));
    const at = lookedAt(machine) ?? 0;
    expect(Math.abs(at - WORKING_MS)).toBeLessThan(BEGUN);
    machine.send(looks(true, at + 1));
    expect(lifecycleOf(machine)).toBe("idle");
  });

  it("rests at the limit that it shows, until that is over (W-6)", () => {
    const machine = after(...begun, says("active"));
    const at = (lookedAt(machine) ?? 0) + 1;
    const limit = { words: "You've hit your usage limit. Try again in 3 hours.", zone: "UTC" };
    const shown = { epoch: 1, runtime: "alive", process: "alive", rests: true, limit };
    const { context } = machine.send(done("inspectTerminal", shown, { at }));
    expect([lifecycleOf(machine), context.limit]).toEqual([
      "idle",
      { since: at, until: at + 3 * 3_600_000 },
    ]);
  });

  it("is told how its prompt looks, and no other is", () => {
    const machine = after(...begun, says("blocked"));
    const { dueAt = 0 } = machine.now.context.watch ?? {};
    expect(lookOf(machine.send(over(dueAt + BEGUN)))).toMatchObject([
      { data: { rests: HARNESSES.get("codex")?.rests } },
    ]);
    const other = after(...live, says("active"));
    expect(lookOf(other.send(over(4 + WORKING_MS)))).not.toHaveProperty("0.data.rests");
  });

  it("that still asks is looked at again, seldomer the longer that lasts", () => {
    const machine = after(...begun, says("blocked"));
    const at: number[] = [];
    for (let look = 0; look < 12; look += 1) {
      at.push(lookedAt(machine) ?? Number.NaN);
      machine.send(looks(false, at.at(-1) ?? 0));
    }
    expect(lifecycleOf(machine)).toBe("stuck");
    const gaps = at.slice(1).map((each, index) => each - (at[index] ?? 0));
    expect(gaps[0]).toBe(ASKING_MS);
    expect(gaps.slice(3).every((gap, index) => gap > (gaps[index + 2] ?? 0))).toBe(true);
    expect(gaps.at(-1)).toBeGreaterThan(20 * ASKING_MS);
  });

  it("that still asks is looked at soon when a text waits to be typed", () => {
    const machine = after(...begun, says("blocked"));
    for (let look = 0; look < 12; look += 1) machine.send(looks(false, lookedAt(machine) ?? 0));
    const at = (machine.now.context.watch?.lookedAt ?? 0) + 1;
    machine.send({ ...send(), at });
    expect((lookedAt(machine) ?? Number.NaN) - at).toBeLessThanOrEqual(ASKING_MS);
  });

  it("that spoke after the look had begun is believed", () => {
    const machine = after(...begun, says("blocked"));
    const at = lookedAt(machine) ?? 0;
    machine.send({ ...says("active"), at: at + 1 });
    machine.send(looks(true, at + 2));
    expect(machine.now.context.axes.activity).toMatchObject({ state: "active", source: "hook" });
  });
});
