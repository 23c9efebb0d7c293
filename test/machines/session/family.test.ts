import { describe, expect, it } from "vitest";
import { addressOf, splitAddress, type Address } from "../../../machines/ids.ts";
import type { Order } from "../../../machines/order.ts";
import { kinds } from "../../../machines/kinds.ts";
import { Settings } from "../../../machines/settings.ts";
import { machineUnderTest, type MachineUnderTest, type Told } from "../../support/step.ts";
import { done } from "../samples.ts";

const all = kinds(Settings.parse({}));
const RESULTS: Readonly<Record<string, unknown>> = {
  prepareWorkspace: { path: "/t", branch: "b", headSha: "a", baseSha: "a", adopted: false },
  reclaimWorkspace: { removed: true },
  launchTerminal: { pid: 7, adopted: false },
  destroyTerminal: { killed: 1 },
  inspectTerminal: { epoch: 1, runtime: "alive", process: "dead" },
  typeText: { repeated: false },
  notifyPerson: {
    noticeId: "mer-1-n1",
    type: "agent-stuck",
    priority: "urgent",
    title: "mer-1 is stuck",
    ways: [],
    failed: [],
    isHeld: false,
  },
};

function follow(from: Address, order: Order): [Address, Told][] {
  if (order.type === "mail") {
    const data: unknown = JSON.parse(JSON.stringify(order.data));
    return [[order.to, { type: order.name, from, data }]];
  }
  return order.type === "effect" ? [[from, done(order.name, RESULTS[order.name])]] : [];
}

/** A project with its sessions and their children, their mail carried by hand, every effect done at once. */
function family(): {
  tell: (to: Address, told: Told) => string[];
  state: (of: Address) => unknown;
} {
  const actors = new Map<Address, MachineUnderTest>();
  function actor(address: Address): MachineUnderTest {
    const { kind: name, id } = splitAddress(address);
    const kind = all.get(name);
    if (kind === undefined) throw new Error(`no kind ${name}`);
    const known = actors.get(address) ?? machineUnderTest(kind, id);
    actors.set(address, known);
    return known;
  }
  return {
    tell(to, told) {
      const story: string[] = [];
      const open: [Address, Told][] = [[to, told]];
      for (let next = open.shift(); next !== undefined; next = open.shift()) {
        const [address, each] = next;
        story.push(`${address} ${each.type}`);
        open.push(
          ...actor(address)
            .send(each)
            .orders.flatMap((order) => follow(address, order)),
        );
      }
      return story;
    },
    state: (of) => actor(of).now.value,
  };
}

const mer = addressOf("project", "mer");
const session = addressOf("session", "mer-1");
const terminal = addressOf("terminal", "mer-1");
const workspace = addressOf("workspace", "mer-1");
const worker = { harness: "command", command: "work" };
const register: Told = {
  type: "project.register",
  data: { root: "/r", scm: "none", defaultBranch: "main", config: { worker } },
};
const spawn: Told = { type: "project.spawn", data: { prompt: "mend it" } };
const kill: Told = { type: "session.kill" };
const exited: Told = {
  type: "terminal.observed",
  data: { process: "dead", epoch: 1, exitCode: 0 },
};

function spawned(): ReturnType<typeof family> {
  const parts = family();
  parts.tell(mer, register);
  parts.tell(mer, spawn);
  return parts;
}

describe("a session and its children", () => {
  it("come to life in order: worktree, then terminal (V2)", () => {
    const parts = family();
    parts.tell(mer, register);
    expect(parts.tell(mer, spawn)).toEqual([
      "project/mer project.spawn",
      "session/mer-1 session.start",
      "workspace/mer-1 child.start",
      "workspace/mer-1 prepareWorkspace.done",
      "session/mer-1 child.started",
      "terminal/mer-1 child.start",
      "terminal/mer-1 launchTerminal.done",
      "session/mer-1 child.started",
    ]);
    expect(parts.state(session)).toMatchObject({ runtime: "alive", wanted: "running" });
  });

  it("go in reverse when the session is killed, and the project may go", () => {
    const parts = spawned();
    expect(parts.tell(session, kill)).toEqual([
      "session/mer-1 session.kill",
      "terminal/mer-1 child.stop",
      "terminal/mer-1 destroyTerminal.done",
      "session/mer-1 child.stopped",
      "workspace/mer-1 child.stop",
      "workspace/mer-1 reclaimWorkspace.done",
      "session/mer-1 child.stopped",
      "project/mer session.ended",
    ]);
    expect([terminal, workspace].map((each) => parts.state(each))).toEqual(["absent", "archived"]);
    parts.tell(mer, { type: "project.remove" });
    expect(parts.state(mer)).toBe("removed");
  });

  it("clear what an exited agent left before its worktree goes (C1)", () => {
    const parts = spawned();
    parts.tell(terminal, exited);
    expect(parts.state(session)).toMatchObject({ lifecycle: "terminated", wanted: "running" });
    const story = parts.tell(session, kill);
    const [cleared, reclaimed] = ["destroyTerminal.done", "child.stop"].map((type) =>
      story.findLastIndex((each) => each.endsWith(` ${type}`)),
    );
    expect(cleared).toBeLessThan(reclaimed ?? -1);
    expect(parts.state(session)).toMatchObject({ wanted: { stopped: "closed" } });
  });

  it("start the terminal again when it is kept, through destroying (T1)", () => {
    const parts = family();
    const kept = { ...worker, restart: "permanent", backoffMs: 0 };
    const data = { root: "/r", scm: "none", defaultBranch: "main", config: { worker: kept } };
    parts.tell(mer, { type: "project.register", data });
    parts.tell(mer, spawn);
    parts.tell(terminal, exited);
    expect(parts.tell(session, { type: "timer.restart", at: 9_999_999 })).toEqual([
      "session/mer-1 timer.restart",
      "terminal/mer-1 child.start",
      "terminal/mer-1 destroyTerminal.done",
      "terminal/mer-1 launchTerminal.done",
      "session/mer-1 child.started",
    ]);
  });

  it("type a message once, and say so", () => {
    const parts = spawned();
    expect(parts.tell(session, { type: "session.send", data: { text: "go on" } })).toEqual([
      "session/mer-1 session.send",
      "terminal/mer-1 terminal.deliver",
      "terminal/mer-1 typeText.done",
      "session/mer-1 terminal.delivered",
    ]);
  });
});
