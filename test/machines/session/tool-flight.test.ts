import { describe, expect, it } from "vitest";
import { flown, GROUNDED, type Heard } from "../../../machines/session/tool-flight.ts";
import { after, live, says } from "./samples.ts";
import { terminalExited } from "../samples.ts";

const pre = (toolUseId: string, toolName = "Bash"): Heard =>
  heard("active", "pre-tool-use", { toolUseId, toolName });
const post = (toolUseId: string, toolName = "Bash"): Heard =>
  heard("active", "post-tool-use", { toolUseId, toolName });
const ask = (toolName = "Bash"): Heard => heard("blocked", "permission-request", { toolName });

function heard(state: string, event = "", more: Partial<Heard> = {}): Heard {
  return { state, ...(event !== "" && { event }), ...more };
}

/** The activity after each signal, from `active` unless said. */
function activities(signals: readonly Heard[], first = "active"): string[] {
  let [flight, activity] = [GROUNDED, first];
  return signals.map((each) => {
    const next = flown(flight, activity, each);
    flight = next.flight;
    if (next.isHeard) activity = each.state;
    return activity;
  });
}

describe("a permission", () => {
  it.each([
    { title: "is answered when its tool has run (F1)", next: [post("1")], is: ["active"] },
    {
      title: "is answered when its tool has failed (F1)",
      next: [heard("active", "post-tool-use-failure", { toolUseId: "1" })],
      is: ["active"],
    },
    {
      title: "is not answered by the tools of others (F1)",
      next: [pre("sub", "Read"), post("sub", "Read"), post("1")],
      is: ["blocked", "blocked", "active"],
    },
    {
      title: "ends with a new prompt (F1)",
      next: [heard("active", "user-prompt-submit")],
      is: ["active"],
    },
    { title: "ends with the turn (F1)", next: [heard("idle", "stop")], is: ["idle"] },
    {
      title: "ends with a turn that was broken off (F1)",
      next: [heard("idle", "interrupt")],
      is: ["idle"],
    },
    {
      title: "ends with the conversation (F1)",
      next: [heard("exited", "session-end")],
      is: ["exited"],
    },
    {
      title: "is not answered by notices (F3)",
      next: [heard("idle", "notification"), heard("waiting_input", "notification")],
      is: ["blocked", "blocked"],
    },
    { title: "is answered by who names no event (F3)", next: [heard("active")], is: ["active"] },
    {
      title: "is told again without being forgotten",
      next: [heard("blocked", "notification"), post("1")],
      is: ["blocked", "active"],
    },
  ])("$title", ({ next, is }) => {
    expect(activities([pre("1"), ask(), ...next])).toEqual(["active", "blocked", ...is]);
  });

  it.each([
    {
      title: "about one of two like uses is answered by neither, but by the end of the turn (F2)",
      signals: [pre("1"), pre("2"), ask(), post("2"), post("1"), heard("idle", "stop")],
      is: ["active", "active", "blocked", "blocked", "blocked", "idle"],
    },
    {
      title: "that is asked again is judged anew (F2)",
      signals: [pre("1"), pre("2"), ask(), post("1"), post("2"), pre("3"), ask(), post("3")],
      is: ["active", "active", "blocked", "blocked", "blocked", "blocked", "blocked", "active"],
    },
    {
      title: "about nothing that is known is answered by the end of the turn only",
      signals: [ask(""), post("1"), heard("idle", "stop")],
      is: ["blocked", "blocked", "idle"],
    },
  ])("$title", ({ signals, is }) => {
    expect(activities(signals)).toEqual(is);
  });
});

it("a question is taken back by a prompt, and by no tool (F3)", () => {
  const signals = [pre("1", "Read"), post("1", "Read"), heard("active", "user-prompt-submit")];
  expect(activities(signals, "waiting_input")).toEqual([
    "waiting_input",
    "waiting_input",
    "active",
  ]);
});

it("a goodbye is not taken back by a tool that comes late (F4)", () => {
  expect(activities([post("1"), heard("active", "user-prompt-submit")], "exited")).toEqual([
    "exited",
    "active",
  ]);
});

it("remembers the last hundred and twenty-eight tools", () => {
  let flight = GROUNDED;
  for (let n = 0; n < 300; n += 1) ({ flight } = flown(flight, "active", pre(`t${n}`)));
  expect(Object.keys(flight.tools).length).toBe(128);
  expect(Object.hasOwn(flight.tools, "t299")).toBe(true);
});

function signal({ state, ...more }: Heard): ReturnType<typeof says> {
  return says(state, { ...more });
}

describe("a session", () => {
  it("tells nobody, and counts no revision, for a signal that says nothing", () => {
    const machine = after(...live, signal(pre("1")), signal(ask()));
    const before = machine.now.context.revision;
    const step = machine.send(signal(post("2", "Read")));
    expect([step.value, step.orders, step.context.revision]).toMatchObject([
      { activity: "blocked" },
      [],
      before,
    ]);
  });

  it("knows its tools after a restart", () => {
    const machine = after(...live, signal(pre("1")), signal(ask()));
    machine.restart();
    expect(machine.send(signal(post("1"))).value).toMatchObject({ activity: "active" });
  });

  it("forgets its tools with the program that began them", () => {
    const machine = after(...live, signal(pre("1")), terminalExited(1));
    expect(machine.now.context.flight).toEqual(GROUNDED);
  });

  it("keeps the conversation it knows when one without a name is told", () => {
    const machine = after(...live, says("active", { agentSessionId: "a" }));
    machine.send(says("active", { agentSessionId: "  " }));
    expect(machine.now.context.agentSessionId).toBe("a");
  });
});
