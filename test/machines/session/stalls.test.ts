import { array, assert, nat, property } from "fast-check";
import { expect, it } from "vitest";
import { splitAddress, type Address } from "../../../machines/ids.ts";
import { kinds } from "../../../machines/kinds.ts";
import type { Order } from "../../../machines/order.ts";
import type { SessionContext } from "../../../machines/session/record.ts";
import { Settings } from "../../../machines/settings.ts";
import { machineUnderTest, type MachineUnderTest, type Told } from "../../support/step.ts";
import { died, done, failed, startSession } from "../samples.ts";
import { kill, send } from "./samples.ts";

// A session, its terminal and its worktree, whose mail dies at random and whose effects fail at random: for each letter
// that died the sender is told, as the host does. Whatever happened, something is always on its way or armed.

const all = kinds(Settings.parse({}));
const SESSION: Address = "session/mer-1";
const TERMINAL: Address = "terminal/mer-1";
const WATCH = `${SESSION} watch`;
const RESULTS: Readonly<Record<string, unknown>> = {
  prepareWorkspace: { path: "/t", branch: "b", headSha: "a", baseSha: "a", adopted: false },
  reclaimWorkspace: { removed: true },
  launchTerminal: { pid: 7, adopted: false },
  destroyTerminal: { killed: 1 },
  typeText: { repeated: false },
  inspectTerminal: { epoch: 1, runtime: "alive", process: "alive" },
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
const CODES = ["STEP_THREW", "ACTOR_QUARANTINED", "SHAPE_WRONG"];

interface Letter {
  readonly to: Address;
  readonly told: Told;
  readonly isMail: boolean;
}

function familyWithLosses(restart: string) {
  const actors = new Map<Address, MachineUnderTest>();
  const timers = new Map<string, number>();
  const open: Letter[] = [];
  let now = 1;

  function carry(from: Address, order: Order): void {
    if (order.type === "arm") timers.set(`${from} ${order.name}`, order.dueAt);
    if (order.type === "cancel") timers.delete(`${from} ${order.name}`);
    if (order.type === "mail") {
      const data: unknown = JSON.parse(JSON.stringify(order.data));
      open.push({ to: order.to, told: { type: order.name, from, data }, isMail: true });
    }
    if (order.type !== "effect") return;
    const fence = order.epoch === undefined ? {} : { epoch: order.epoch };
    const told = done(order.name, RESULTS[order.name], fence);
    open.push({ to: from, told, isMail: false });
  }
  function tell(to: Address, told: Told): void {
    const { kind: name, id } = splitAddress(to);
    const kind = all.get(name);
    if (kind === undefined) throw new Error(`no kind ${name}`);
    if (name === "project") return;
    const known = actors.get(to);
    if (known === undefined && !kind.creates.includes(told.type)) {
      bounce(to, told, "ACTOR_UNKNOWN");
      return;
    }
    const actor = known ?? machineUnderTest(kind, id);
    actors.set(to, actor);
    for (const order of actor.send({ at: now, ...told }).orders) carry(to, order);
  }
  function bounce(to: Address, { type, from }: Told, code: string): void {
    if (from === undefined || from === to) return;
    const { kind } = splitAddress(from);
    if (all.get(kind)?.accepts["mail.undeliverable"] === undefined) return;
    tell(from, died(to, type, code));
  }
  /** The next letter arrives, or by chance becomes a dead one, or its effect fails. */
  function deliver(chance = 0): void {
    const letter = open.shift();
    if (letter === undefined) return;
    const { to, told, isMail } = letter;
    const isLost = chance % 3 === 1;
    if (!isLost) tell(to, told);
    else if (isMail) bounce(to, told, CODES[chance % CODES.length] ?? "STEP_THREW");
    else tell(to, failed(told.type.replace(".done", ""), epochOf(told)));
  }
  function ring(): void {
    const [first] = [...timers].toSorted(([, a], [, b]) => a - b);
    if (first === undefined) return;
    const [key, dueAt] = first;
    now = Math.max(now + 1, dueAt);
    timers.delete(key);
    const [to = "", name = ""] = key.split(" ");
    tell(to === SESSION ? SESSION : TERMINAL, { type: `timer.${name}` });
  }
  function session(): SessionContext {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the context of the session, as its kind keeps it
    return actors.get(SESSION)?.now.context as SessionContext;
  }
  const stateOf = (address: Address): unknown => actors.get(address)?.now.value;

  tell(SESSION, startSession({ restart: { restart, intensity: 2, backoffMs: 5 } }));
  return {
    session,
    stateOf,
    isQuiet: () => open.length === 0,
    hasTimer: (of: Address, name: string) => timers.has(`${of} ${name}`),
    disturb(chance: number): void {
      const rest = Math.floor(chance / 12);
      now += 1;
      if (chance % 12 === 0) ring();
      else if (chance % 12 === 1) tell(SESSION, send());
      else if (chance % 12 === 2) tell(SESSION, rest % 4 === 0 ? kill() : send());
      else if (chance % 12 === 3 && actors.has(TERMINAL)) {
        const { epoch } = session().terminal;
        tell(TERMINAL, {
          type: "terminal.observed",
          data: { process: "dead", epoch, exitCode: 1 },
        });
      } else deliver(rest);
    },
    kill: () => tell(SESSION, kill()),
    /** Without any further trouble, until nothing is left to do; one that lives is looked at now and then for ever. */
    calm(): void {
      for (let step = 0; open.length > 0 || isAnyLeft(timers); step += 1) {
        expect(step, "it comes to rest").toBeLessThan(2_000);
        if (open.length > 0) deliver();
        else ring();
      }
    },
  };
}

function isAnyLeft(timers: ReadonlyMap<string, number>): boolean {
  return [...timers.keys()].some((key) => key !== WATCH);
}

function epochOf({ epoch }: Told): Partial<Told> {
  return epoch === undefined ? {} : { epoch };
}

type Family = ReturnType<typeof familyWithLosses>;

/** What waits although nothing that could end the wait is open or armed. */
function stallsOf(family: Family): string[] {
  const { supervisor, messages, terminal } = family.session();
  const hasLease = family.hasTimer(SESSION, "lease");
  const state = family.stateOf(TERMINAL);
  const waits = [
    ...supervisor.children
      .filter((child) => ["starting", "stopping"].includes(child.state) && !hasLease)
      .map((child) => `${child.id} ${child.state}`),
    ...messages.filter((each) => each.state === "delivering" && !hasLease).map(({ id }) => id),
  ];
  const isOwed = supervisor.children.some((child) => child.state === "waiting");
  const isPaused = family.hasTimer(SESSION, "restart") || supervisor.downFrom !== null;
  if (isOwed && !isPaused) waits.push("restart");
  if (state === "launching") waits.push("launch");
  if (state === "destroying" && !family.hasTimer(TERMINAL, "retry")) waits.push("destroy");
  const isUntold = terminal.state === "live" && state === "exited";
  if (isUntold && !family.hasTimer(TERMINAL, "tell")) waits.push("exit");
  if (/preparing|reclaiming/.test(String(family.stateOf("workspace/mer-1")))) waits.push("git");
  return waits;
}

it("a session whose mail dies at random never waits for what nobody will send (L-1)", () => {
  const ends = new Map<string, number>();
  const isDriven = property(array(nat(), { maxLength: 80, size: "max" }), nat(1), (chances, n) => {
    const family = familyWithLosses(n === 0 ? "temporary" : "permanent");
    for (const chance of chances) {
      family.disturb(chance);
      expect(family.isQuiet() ? stallsOf(family) : []).toEqual([]);
    }
    family.calm();
    expect(stallsOf(family)).toEqual([]);
    const { supervisor } = family.session();
    expect(["running", "stopped", "escalated"]).toContain(supervisor.phase);
    ends.set(supervisor.phase, (ends.get(supervisor.phase) ?? 0) + 1);
  });
  assert(isDriven, { numRuns: 400 });
  // Else the world is too kind, or too cruel, to show anything.
  expect(Math.min(ends.get("running") ?? 0, ends.get("stopped") ?? 0)).toBeGreaterThan(10);
});

it("a session whose mail dies at random can always be killed, and says so (L-1, L4)", () => {
  expect.hasAssertions();
  const isEnded = property(array(nat(), { maxLength: 60, size: "max" }), nat(1), (chances, n) => {
    const family = familyWithLosses(n === 0 ? "temporary" : "permanent");
    for (const chance of chances) family.disturb(chance);
    family.kill();
    family.calm();
    const { wanted, leases, messages, trouble } = family.session();
    expect([wanted, leases]).toEqual(["closed", {}]);
    expect(messages.filter(({ state }) => state === "delivering")).toEqual([]);
    const left = family.stateOf(TERMINAL) ?? "absent";
    expect(trouble === null ? left : "absent").toBe("absent");
  });
  assert(isEnded, { numRuns: 400 });
});
