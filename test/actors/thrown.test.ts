import { describe, expect, it } from "vitest";
import type { Address, KindName } from "../../machines/ids.ts";
import type { Kind } from "../../machines/kind.ts";
import { settle } from "../support/clock.ts";
import { MINUTE, Objectives } from "../support/objectives.ts";
import { tallyKind, type TallyContext } from "../support/tally.ts";
import { unlucky } from "../support/unlucky.ts";
import { World } from "../support/world.ts";

// What becomes of a message that breaks its actor's step (R8, P4): what only the daemon itself brings comes again.

const A = "session/a";
const REPUBLISH_MS = 10_000;

/** A world of tallies in which steps throw at one type of message, as long as `isBroken` says so. */
class Unlucky {
  readonly world: World;
  type = "";
  left = 0;

  constructor(kind: Kind = tallyKind()) {
    const kinds = new Map<KindName, Kind>([["session", kind]]);
    this.world = new World({ kinds: unlucky(kinds, "session", (type) => this.#breaksAt(type)) });
  }

  /** The next `left` steps by a message of this type throw. */
  breaks(type: string, left = Infinity): void {
    this.type = type;
    this.left = left;
  }

  get letters(): string[] {
    const letters = this.world.store.deadLetters({ after: 0, limit: 99 });
    return letters.map(({ code, retries }) => `${code} ${retries}`);
  }

  #breaksAt(type: string): boolean {
    if (type !== this.type || this.left === 0) return false;
    this.left -= 1;
    return true;
  }
}

/** A tally whose dead mail nobody tells it, as that of a terminal. */
function deaf(): Kind {
  const kind = tallyKind();
  const accepts = Object.entries(kind.accepts).filter(([type]) => type !== "mail.undeliverable");
  return { ...kind, accepts: Object.fromEntries(accepts) };
}

/** `session/a` orders that `session/b` is seen so. */
async function observes(world: World, state: "active" | "idle" | "blocked"): Promise<void> {
  const order = { type: "observation", lane: "activity", id: "b", data: { state } } as const;
  await world.ask(A, "tally.order", { order });
}

async function opened(kind?: Kind): Promise<Unlucky> {
  const unluck = new Unlucky(kind);
  await unluck.world.open("a");
  await unluck.world.open("b");
  return unluck;
}

describe("a message that breaks its actor's step", () => {
  it("comes again after a second when it is the firing of a timer, and is one letter", async () => {
    const w = await opened();
    const { world } = w;
    w.breaks("timer.wake", 1);
    await world.ask(A, "tally.arm", { name: "wake", dueAt: world.clock.now() + 500 });
    await world.clock.advance(1_499);
    const before = world.tally("a").fired;
    await world.clock.advance(1);
    expect([before, world.tally("a").fired, w.letters]).toEqual([[], ["wake"], ["STEP_THREW 0"]]);
    expect(world.system.report()).toMatchObject({ timers: 0, duplicate: 0, isBalanced: true });
  });

  it("comes again as the firing of a timer after a restart, and not once that was cancelled", async () => {
    const w = await opened();
    const { world } = w;
    w.breaks("timer.wake", 1);
    for (const name of ["wake", "other"])
      await world.ask(A, "tally.arm", { name, dueAt: world.clock.now() + 500 });
    await world.clock.advance(500);
    await world.restart();
    await world.clock.advance(1_000);
    expect(world.tally("a").fired).toEqual(["other", "wake"]);
    w.breaks("timer.wake", 1);
    await world.ask(A, "tally.arm", { name: "wake", dueAt: world.clock.now() + 500 });
    await world.clock.advance(500);
    await world.ask(A, "tally.cancel", { name: "wake" });
    await world.clock.advance(MINUTE);
    expect(world.tally("a").fired).toEqual(["other", "wake"]);
  });

  it("comes ever more rarely, for as long as others do not break it, and stays one letter", async () => {
    const w = await opened();
    const { world } = w;
    w.breaks("timer.wake");
    await world.ask(A, "tally.arm", { name: "wake", dueAt: world.clock.now() + 500 });
    const tries: number[] = [];
    for (let at = 0; at < 200_000; at += 500) {
      const before = w.letters.join();
      await world.clock.advance(500);
      if (w.letters.join() !== before) tries.push(world.clock.now());
      await world.ask(A, "tally.nothing");
    }
    expect(tries.slice(1).map((at, n) => at - (tries[n] ?? 0))).toEqual([
      1_000, 10_000, 60_000, 60_000, 60_000,
    ]);
    expect(w.letters).toEqual(["STEP_THREW 5"]);
    w.breaks("");
    await world.clock.advance(60_000);
    expect(world.tally("a").fired).toEqual(["wake"]);
  });

  it("comes again when it is a result, and its order stays open meanwhile", async () => {
    const w = await opened();
    const { world } = w;
    w.breaks("typeText.done", 2);
    await world.ask(A, "tally.work", { text: "x" });
    await settle();
    const open = world.system.report().outbox;
    await world.clock.advance(1_000);
    await world.ask(A, "tally.nothing");
    await world.clock.advance(10_000);
    expect([open, world.system.report().outbox, world.tally("a").done.length]).toEqual([1, 0, 1]);
    expect(w.letters).toEqual(["STEP_THREW 1"]);
    expect(new Set(world.deeds.map(({ effectId }) => effectId)).size).toBe(1);
  });

  it("comes again when it is an observation that an actor ordered, before the next of it, and closes its order", async () => {
    const w = await opened();
    const { world } = w;
    w.breaks("activity.observed", 1);
    for (const state of ["active", "idle", "blocked"] as const) await observes(world, state);
    await world.clock.advance(900);
    const before = world.tally("b").activity;
    await world.clock.advance(200 + REPUBLISH_MS);
    expect([before, world.tally("b").activity]).toEqual([[], ["active", "idle", "blocked"]]);
    const entries = world.store.journal("session/b", { after: 1, limit: 9 });
    expect(entries.map(({ message }) => message.id)).toEqual(
      entries.map(({ message }) => message.cause),
    );
    expect(w.letters).toEqual(["STEP_THREW 0"]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it("comes again when it is mail, before what its sender wrote after it", async () => {
    const w = await opened();
    const { world } = w;
    w.breaks("tally.add", 1);
    for (const n of [1, 2, 3]) await world.ask(A, "tally.tell", { to: "session/b", n });
    await world.clock.advance(900);
    const before = world.tally("b").sum;
    await world.clock.advance(200 + REPUBLISH_MS);
    const heard = world.store
      .journal("session/b", { after: 1, limit: 9 })
      .map(({ message }) => message.data);
    expect([before, heard]).toEqual([0, [{ n: 1 }, { n: 2 }, { n: 3 }]]);
    expect([w.letters, world.tally("a").undeliverable]).toEqual([["STEP_THREW 0"], []]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it("comes again when it is mail after a restart, too", async () => {
    const w = await opened();
    const { world } = w;
    w.breaks("tally.add", 1);
    await world.ask(A, "tally.tell", { to: "session/b", n: 1 });
    await settle();
    await world.restart();
    await world.clock.advance(20 * REPUBLISH_MS);
    expect([world.tally("b").sum, world.system.report().outbox]).toEqual([1, 0]);
  });

  it("is told to the sender of the mail once it broke it four times", async () => {
    const w = await opened();
    const { world } = w;
    w.breaks("tally.add");
    await world.ask(A, "tally.tell", { to: "session/b", n: 1 });
    await settle();
    for (const ms of [1_000, 10_000]) {
      await world.ask("session/b", "tally.nothing");
      await world.clock.advance(ms);
    }
    await world.ask("session/b", "tally.nothing");
    const before = world.tally("a").undeliverable;
    await world.clock.advance(60_000);
    expect([before, world.tally("a").undeliverable]).toEqual([[], ["STEP_THREW"]]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
    expect(w.letters).toEqual(["STEP_THREW 3"]);
  });

  it("is told to the sender of the mail when it quarantined its actor", async () => {
    const w = await opened();
    const { world } = w;
    w.breaks("tally.add");
    await world.ask(A, "tally.tell", { to: "session/b", n: 1 });
    await world.clock.advance(11_000);
    expect(world.store.snapshot("session/b")).toMatchObject({ isQuarantined: true });
    expect(world.tally("a").undeliverable).toEqual(["STEP_THREW"]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it.each([
    {
      what: "mail",
      type: "tally.add",
      order: (world) => world.ask(A, "tally.tell", { to: "session/b", n: 1 }),
      came: ({ sum }) => sum,
    },
    {
      what: "an observation",
      type: "activity.observed",
      order: async (world) => observes(world, "idle"),
      came: ({ activity }) => activity.length,
    },
    {
      what: "a result",
      type: "typeText.done",
      order: (world) => world.ask("session/b", "tally.work", { text: "x" }),
      came: ({ done }) => done.length,
    },
  ] satisfies {
    what: string;
    type: string;
    order: (world: World) => Promise<unknown>;
    came: (tally: TallyContext) => number;
  }[])(
    "waits for the release when it is $what that quarantined its actor and its sender cannot be told",
    async ({ type, order, came }) => {
      const w = await opened(deaf());
      const { world } = w;
      w.breaks(type);
      await order(world);
      await world.clock.advance(5 * MINUTE);
      const letters = w.letters.length;
      expect([letters, world.store.snapshot("session/b")?.isQuarantined]).toEqual([1, true]);
      w.breaks("");
      await world.system.release("session/b");
      await settle();
      expect([came(world.tally("b")), world.system.report().outbox]).toEqual([1, 0]);
    },
  );

  it("does not come again when it is a command: its caller was told", async () => {
    const w = await opened();
    w.breaks("tally.add", 1);
    expect(await w.world.ask(A, "tally.add", { n: 1 })).toMatchObject({ code: "STEP_THREW" });
    await w.world.clock.advance(5 * MINUTE);
    expect(w.world.tally("a").sum).toBe(0);
  });
});

/** What an objective with two workers and one slot comes to; `isUnlucky` is asked for each step of one kind. */
async function life(
  broken: KindName,
  isUnlucky: (type: string) => boolean,
): Promise<Readonly<Record<string, unknown>>> {
  const w = new Objectives({
    settings: { scheduling: { workers: 1 } },
    kinds: (real) => unlucky(real, broken, isUnlucky),
  });
  await w.project();
  const id = await w.driven();
  const workers = [await w.worker(id), await w.worker(id)];
  for (const worker of workers) {
    await w.pass(2 * MINUTE);
    await w.says(worker, "active");
    await w.reports(worker);
    await w.says(worker, "idle");
  }
  await w.pass(5 * MINUTE);
  const { held, queue } = w.root;
  const isDue = (address: Address): boolean =>
    w.system.store.timersOf(address).length + w.system.report().outbox > 0;
  return {
    states: workers.map((worker) => w.worked(id, worker).state),
    panes: workers.map((worker) => w.outside.panes.has(worker)),
    slots: [...held, ...queue],
    ticks: isDue("supervisor/root"),
  };
}

describe.each([
  { broken: "supervisor", types: ["auditActors.done", "root.wake", "slot.released", "timer.tick"] },
  { broken: "terminal", types: ["child.start", "launchTerminal.done", "terminal.deliver"] },
] as const)("a life in which a $broken throws once", ({ broken, types }) => {
  it("at the first or last step of any type ends as one in which none did", async () => {
    const steps: string[] = [];
    const good = await life(broken, (type) => {
      steps.push(type);
      return false;
    });
    expect(good).toEqual({
      states: ["succeeded", "succeeded"],
      panes: [true, true],
      slots: [],
      ticks: true,
    });
    const ends = new Map<string, unknown>();
    const tried = new Set(steps.flatMap((type) => [steps.indexOf(type), steps.lastIndexOf(type)]));
    for (const n of tried) {
      let step = 0;
      const end = await life(broken, () => {
        step += 1;
        return step === n + 1;
      });
      ends.set(`${n} ${steps[n]}`, end);
    }
    expect([...ends].filter(([, end]) => JSON.stringify(end) !== JSON.stringify(good))).toEqual([]);
    expect(steps).toEqual(expect.arrayContaining([...types]));
  });
});
