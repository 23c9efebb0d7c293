import { describe, expect, it } from "vitest";
import { project } from "../../../machines/project/project.ts";
import { machineUnderTest, namesOf, type Told } from "../../support/step.ts";
import { died } from "../samples.ts";

interface Row {
  readonly title: string;
  readonly was: readonly Told[];
  readonly told: Told;
  readonly state: string;
  readonly orders: readonly string[];
}

const config = { worker: { harness: "command", command: "work" }, checks: [], env: { A: "1" } };
function register(more: Record<string, unknown> = {}): Told {
  const data = { root: "/srv/repo", scm: "none", defaultBranch: "main", config, ...more };
  return { type: "project.register", data };
}
function spawn(more: Record<string, unknown> = {}): Told {
  return { type: "project.spawn", data: { prompt: "mend it", ...more } };
}
const local = register({ scm: "local" });
const pause: Told = { type: "project.pause" };
const resume: Told = { type: "project.resume" };
const remove: Told = { type: "project.remove" };
const configure: Told = { type: "project.configure", data: { config } };
const ended: Told = { type: "session.ended", from: "session/mer-1" };

describe("project", () => {
  it("counts on from what the repository has seen of it, and never back", () => {
    const machine = machineUnderTest<{ nextSession: number; nextObjective: number }>(
      project,
      "mer",
    );
    machine.send(register({ lastSession: 7, lastObjective: 2 }));
    const { context } = machine.send(spawn());
    expect([context.nextSession, context.nextObjective]).toEqual([9, 3]);
    const again = machine.all({ ...ended, from: "session/mer-8" }, remove, register());
    expect([again.value, again.context.nextSession]).toEqual(["registered", 9]);
  });

  it.each([
    { title: "is registered", was: [], told: register(), state: "registered", orders: ["reply"] },
    {
      title: "opens its own forge",
      was: [],
      told: local,
      state: "registered",
      orders: ["mail:forge.open", "reply"],
    },
    {
      title: "refuses a forge that is not known",
      was: [],
      told: register({ scm: "github" }),
      state: "vacant",
      orders: ["refuse:SCM_UNSUPPORTED"],
    },
    {
      title: "can be registered after a refusal (J3)",
      was: [register({ scm: "github" })],
      told: register(),
      state: "registered",
      orders: ["reply"],
    },
    {
      title: "is not registered twice",
      was: [register()],
      told: register(),
      state: "registered",
      orders: ["refuse:ALREADY_EXISTS"],
    },
    {
      title: "is not registered while paused",
      was: [register(), pause],
      told: register(),
      state: "paused",
      orders: ["refuse:ALREADY_EXISTS"],
    },
    {
      title: "refuses what needs a registration",
      was: [register({ scm: "github" })],
      told: spawn(),
      state: "vacant",
      orders: ["refuse:ACTOR_UNKNOWN"],
    },
    {
      title: "tells its forge of a new configuration",
      was: [local],
      told: configure,
      state: "registered",
      orders: ["mail:forge.configure", "reply"],
    },
    {
      title: "is configured while paused",
      was: [register(), pause],
      told: configure,
      state: "paused",
      orders: ["reply"],
    },
    { title: "is paused", was: [register()], told: pause, state: "paused", orders: ["reply"] },
    {
      title: "is paused twice without harm",
      was: [register(), pause],
      told: pause,
      state: "paused",
      orders: ["reply"],
    },
    {
      title: "goes on",
      was: [register(), pause],
      told: resume,
      state: "registered",
      orders: ["reply"],
    },
    {
      title: "starts a session",
      was: [register()],
      told: spawn(),
      state: "registered",
      orders: ["mail:session.start", "reply"],
    },
    {
      title: "starts none while paused",
      was: [register(), pause],
      told: spawn(),
      state: "paused",
      orders: ["refuse:PROJECT_PAUSED"],
    },
    {
      title: "starts none with a harness that is not known",
      was: [register()],
      told: spawn({ harness: "nobody" }),
      state: "registered",
      orders: ["refuse:HARNESS_UNKNOWN"],
    },
    {
      title: "starts none without a command",
      was: [register({ config: { worker: { harness: "command" } } })],
      told: spawn(),
      state: "registered",
      orders: ["refuse:HARNESS_UNKNOWN"],
    },
    {
      title: "is not removed while a session is active (J4)",
      was: [register(), spawn()],
      told: remove,
      state: "registered",
      orders: ["refuse:PROJECT_BUSY"],
    },
    {
      title: "is removed when its sessions have ended (J4)",
      was: [register(), spawn(), ended],
      told: remove,
      state: "removed",
      orders: ["reply"],
    },
    {
      title: "closes its forge",
      was: [local],
      told: remove,
      state: "removed",
      orders: ["mail:forge.close", "reply"],
    },
    {
      title: "is removed from paused",
      was: [register(), pause],
      told: remove,
      state: "removed",
      orders: ["reply"],
    },
    {
      title: "is removed twice without harm",
      was: [register(), remove],
      told: remove,
      state: "removed",
      orders: ["reply"],
    },
    {
      title: "can be registered again (J3)",
      was: [register(), remove],
      told: register(),
      state: "registered",
      orders: ["reply"],
    },
  ] satisfies Row[])("$title", ({ was, told, state, orders }) => {
    const machine = machineUnderTest(project, "mer");
    machine.all(...was);
    const step = machine.send(told);
    expect([step.value, namesOf(step.orders)]).toEqual([state, orders]);
  });

  it("changes nothing when it refuses (J1)", () => {
    const machine = machineUnderTest(project, "mer");
    machine.all(register());
    expect(machine.send(spawn({ harness: "nobody" })).isUnchanged).toBe(true);
    expect(machine.send(register()).isUnchanged).toBe(true);
  });

  it("gives a session everything it needs", () => {
    const { orders } = machineUnderTest(project, "mer").all(register(), spawn({ title: "Mend" }));
    expect(orders).toMatchObject([
      {
        to: "session/mer-1",
        data: {
          projectId: "mer",
          root: "/srv/repo",
          baseRef: "main",
          branch: "ao/mer-1",
          argv: ["sh", "-c", "work"],
          env: { A: "1" },
          title: "Mend",
          prompt: "mend it",
          restart: { restart: "temporary" },
        },
      },
      { data: { sessionId: "mer-1" } },
    ]);
  });

  it("gives out no session id twice, not even after it was removed (J2)", () => {
    const machine = machineUnderTest(project, "mer");
    machine.all(register(), spawn(), ended, remove, register());
    const { orders } = machine.send(spawn());
    expect(orders.at(-1)).toEqual({ type: "reply", data: { sessionId: "mer-2" } });
  });

  it("may go when the session that it asked for could not be told to begin (J4)", () => {
    const machine = machineUnderTest(project, "mer");
    machine.all(register(), spawn(), died("session/mer-1", "session.start"));
    expect(machine.send(remove).value).toBe("removed");
  });

  it("takes an argv as it is", () => {
    const { orders } = machineUnderTest(project, "mer").all(
      register(),
      spawn({ command: ["a", "b"] }),
    );
    expect(orders[0]).toMatchObject({ data: { argv: ["a", "b"] } });
  });

  it("refuses an id that leaves no room for those of its sessions", () => {
    const { orders } = machineUnderTest(project, "m".repeat(60)).send(register());
    expect(namesOf(orders)).toEqual(["refuse:SHAPE_WRONG"]);
  });

  it("refuses a configuration with an unknown key", () => {
    const machine = machineUnderTest(project, "mer");
    expect(() => machine.send(register({ config: { ...config, wroker: {} } }))).toThrow("wroker");
  });
});

function gone(n: number): Told {
  return { type: "session.ended", from: `session/mer-${n}` };
}

describe("the orchestrators of a project", () => {
  const clean: Told = { type: "project.orchestrate", data: { clean: true }, at: 5 };
  const another: Told = { type: "project.orchestrate", data: {} };
  const begun = spawn({ kind: "orchestrator" });
  const again: Told = { type: "timer.succession", at: 30_005 };

  it.each([
    {
      title: "one is started at once when there is none to end",
      was: [],
      told: clean,
      orders: ["mail:session.start", "reply"],
    },
    {
      title: "one is started beside the others unless they are to end",
      was: [begun],
      told: another,
      orders: ["mail:session.start", "reply"],
    },
    {
      title: "all before it are told to end, and it does not begin yet (O1)",
      was: [begun, another, spawn()],
      told: clean,
      orders: ["mail:session.kill", "mail:session.kill", "arm:succession", "reply"],
    },
    {
      title: "it does not begin while one of them is left (O1)",
      was: [begun, another, clean],
      told: gone(2),
      orders: [],
    },
    {
      title: "it begins when the last of them has ended (O1)",
      was: [begun, another, clean, gone(2)],
      told: gone(1),
      orders: ["mail:session.start", "cancel:succession"],
    },
    {
      title: "it begins when the last of them could not be told to begin",
      was: [begun, clean],
      told: died("session/mer-1", "session.start"),
      orders: ["mail:session.start", "cancel:succession"],
    },
    {
      title: "a worker that ends lets nobody begin",
      was: [begun, spawn(), clean],
      told: gone(2),
      orders: [],
    },
    {
      title: "whoever asks again is told of the one under way (O2)",
      was: [begun, clean],
      told: clean,
      orders: ["reply"],
    },
    {
      title: "those that do not end are told again (O3)",
      was: [begun, clean],
      told: again,
      orders: ["mail:session.kill", "arm:succession"],
    },
    {
      title: "nobody is told again once it has begun",
      was: [begun, clean, gone(1)],
      told: again,
      orders: [],
    },
    {
      title: "it begins although the project was paused meanwhile",
      was: [begun, clean, pause],
      told: gone(1),
      orders: ["mail:session.start", "cancel:succession"],
    },
    {
      title: "none is started while the project is paused",
      was: [pause],
      told: clean,
      orders: ["refuse:PROJECT_PAUSED"],
    },
    {
      title: "none is started with a harness that is not known, and nobody ended for it",
      was: [begun],
      told: { type: "project.orchestrate", data: { clean: true, harness: "nobody" } },
      orders: ["refuse:HARNESS_UNKNOWN"],
    },
  ] satisfies Omit<Row, "state">[])("$title", ({ was, told, orders }) => {
    const machine = machineUnderTest(project, "mer");
    machine.all(register(), ...was);
    expect(namesOf(machine.send(told).orders)).toEqual(orders);
  });

  it("begins as it was asked for, under the id that the caller was told", () => {
    const machine = machineUnderTest(project, "mer");
    machine.all(register(), begun);
    const asked = machine.send({ ...clean, data: { clean: true, title: "Next", prompt: "Lead." } });
    expect(asked.orders.at(-1)).toEqual({ type: "reply", data: { sessionId: "mer-2" } });
    machine.restart();
    const { orders } = machine.send(gone(1));
    expect(orders[0]).toMatchObject({
      to: "session/mer-2",
      data: { kind: "orchestrator", title: "Next", prompt: "Lead.", branch: "ao/mer-2" },
    });
    expect(machine.send(spawn()).orders.at(-1)).toMatchObject({ data: { sessionId: "mer-3" } });
  });

  it("keeps the project busy while it waits (J4)", () => {
    const machine = machineUnderTest(project, "mer");
    machine.all(register(), begun, clean, gone(1));
    expect(namesOf(machine.send(remove).orders)).toEqual(["refuse:PROJECT_BUSY"]);
  });
});
