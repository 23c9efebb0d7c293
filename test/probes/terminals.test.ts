import { execa } from "execa";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { z } from "zod";
import type { PaneRow } from "../../adapters/terminal/panes.ts";
import type { Terminals } from "../../adapters/terminal/terminals.ts";
import { RuntimeObservation, TerminalObservation } from "../../machines/observations.ts";
import { terminalProbe } from "../../probes/terminals.ts";
import type { TerminalProbeOptions } from "../../probes/terminals.ts";
import { tmuxWorld } from "../adapters/terminal/tmux-world.ts";
import type { TmuxWorld } from "../adapters/terminal/tmux-world.ts";

interface Liveness {
  readonly id: string;
  readonly messageId: string;
  readonly data: z.infer<typeof RuntimeObservation>;
}

interface Publication {
  readonly id: string;
  readonly messageId: string;
  readonly data: z.infer<typeof TerminalObservation>;
}

/** A probe whose clock the test moves, with all it published. */
interface Probe {
  readonly published: Publication[];
  /** What the session "mer" was told. */
  readonly liveness: Liveness[];
  readonly troubles: unknown[];
  readonly counts: { lists: number };
  /** Moves the clock to the next interval. */
  tick(ms?: number): void;
  readonly isArmed: () => boolean;
  stop(): Promise<void>;
}

function probe(terminals: Terminals, change: Partial<TerminalProbeOptions> = {}): Probe {
  const published: Publication[] = [];
  const liveness: Liveness[] = [];
  const troubles: unknown[] = [];
  const counts = { lists: 0 };
  const stop = new AbortController();
  let now = Date.now();
  let armed: (() => void) | undefined;
  const running = terminalProbe({
    exitOf: (of) => terminals.exitOf(of),
    changes: (signal) => terminals.changes(signal),
    publish: (lane, id, data, messageId) => {
      if (lane === "terminal") {
        published.push({ id, messageId, data: TerminalObservation.parse(data) });
        return Promise.resolve();
      }
      expect(lane).toBe("runtime");
      liveness.push({ id, messageId, data: RuntimeObservation.parse(data) });
      return Promise.resolve();
    },
    sessionOf: (terminal) => (terminal === "mer" ? "mer" : undefined),
    everyMs: 5_000,
    clock: {
      now: () => now,
      after: (_ms, run) => {
        armed = run;
        return () => {
          armed = undefined;
        };
      },
    },
    signal: stop.signal,
    onTrouble: (error) => troubles.push(error),
    ...change,
    list: async () => {
      const rows = await (change.list ? change.list() : terminals.listPanes());
      counts.lists += 1;
      return rows;
    },
  });
  const end = async () => {
    stop.abort();
    await running;
  };
  onTestFinished(end);
  return {
    published,
    liveness,
    troubles,
    counts,
    tick(ms = 5_000) {
      now += ms;
      armed?.();
    },
    isArmed: () => armed !== undefined,
    stop: end,
  };
}

/** Lets everything go on that only waits for promises. */
async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function said({ published }: Probe): string[] {
  return published.map(({ id, data }) => `${id}.${data.epoch} ${data.process}`);
}

async function killServer({ socket }: TmuxWorld): Promise<void> {
  const { stdout } = await execa("tmux", ["-S", socket, "display-message", "-p", "#{pid}"]);
  process.kill(Number(stdout), "SIGKILL");
}

it("tells that a program began and how it ended, at once and once", async () => {
  const { terminals, launch, home } = tmuxWorld();
  const watched = probe(terminals);
  await expect.poll(() => watched.counts.lists).toBe(1);
  await launch({ argv: ["sh", "-c", `while [ ! -e ${home}/go ]; do sleep 0.01; done; exit 9`] });
  await expect.poll(() => said(watched)).toEqual(["mer.1 alive"]);
  await expect.poll(() => watched.isArmed()).toBe(true);
  await writeFile(join(home, "go"), "");
  await expect.poll(() => said(watched)).toEqual(["mer.1 alive", "mer.1 dead"]);
  expect(watched.published[1]).toEqual({
    id: "mer",
    messageId: "terminal:mer:1:dead",
    data: { process: "dead", epoch: 1, exitCode: 9 },
  });
  const lists = watched.counts.lists;
  watched.tick();
  await expect.poll(() => watched.counts.lists).toBe(lists + 1);
  await nextTurn();
  expect([watched.isArmed(), watched.published.length]).toEqual([false, 2]);
});

it("O4: tells an end when it happens, without a listing, not at the next interval", async () => {
  const { terminals, launch } = tmuxWorld();
  const watched = probe(terminals);
  const { pid } = await launch({ argv: ["sleep", "1000"] });
  await expect.poll(() => said(watched)).toEqual(["mer.1 alive"]);
  await expect.poll(() => watched.isArmed()).toBe(true);
  const lists = watched.counts.lists;
  process.kill(pid, "SIGKILL");
  await expect.poll(() => said(watched)).toEqual(["mer.1 alive", "mer.1 dead"]);
  expect(watched.published[1]?.data.signal).toBe("SIGKILL");
  expect(watched.counts.lists).toBe(lists);
});

it("O1: lists once per interval for the whole fleet, and never while nothing runs", async () => {
  const { terminals, launch, destroy } = tmuxWorld();
  const watched = probe(terminals);
  await expect.poll(() => watched.counts.lists).toBe(1);
  await nextTurn();
  expect(watched.isArmed()).toBe(false);
  for (const terminal of ["a", "b", "c", "d"]) await launch({}, { terminal });
  await expect
    .poll(() => said(watched).toSorted())
    .toEqual(["a.1 alive", "b.1 alive", "c.1 alive", "d.1 alive"]);
  await expect.poll(() => watched.isArmed()).toBe(true);
  const before = watched.counts.lists;
  for (let n = 1; n <= 3; n += 1) {
    watched.tick(1);
    await expect.poll(() => watched.counts.lists).toBe(before + n);
    await expect.poll(() => watched.isArmed()).toBe(true);
  }
  expect(watched.published).toHaveLength(4);
  for (const terminal of ["a", "b", "c", "d"]) await destroy({ terminal });
  const last = watched.counts.lists;
  watched.tick(1);
  await expect.poll(() => watched.counts.lists).toBe(last + 1);
  await nextTurn();
  expect(watched.isArmed()).toBe(false);
});

it("O2: makes nobody dead when tmux cannot be asked, and says so once", async () => {
  const { terminals, launch } = tmuxWorld();
  let isReachable = true;
  const list = () =>
    isReachable ? terminals.listPanes() : Promise.reject(new Error("unreachable"));
  const watched = probe(terminals, { list });
  await launch({});
  await expect.poll(() => said(watched)).toEqual(["mer.1 alive"]);
  isReachable = false;
  for (let n = 1; n <= 4; n += 1) {
    await expect.poll(() => watched.isArmed()).toBe(true);
    watched.tick();
    await expect.poll(() => watched.troubles).toHaveLength(n);
    expect(said(watched).slice(1)).toEqual(n === 1 ? [] : ["mer.1 failed"]);
  }
  isReachable = true;
  await expect.poll(() => watched.isArmed()).toBe(true);
  watched.tick();
  await expect.poll(() => said(watched).slice(2)).toEqual(["mer.1 alive"]);
  expect(new Set(watched.published.map(({ messageId }) => messageId)).size).toBe(3);
});

it("looks again after a first listing that failed", async () => {
  const { terminals, launch } = tmuxWorld();
  await launch({});
  let fails = 1;
  const list = () =>
    fails-- > 0 ? Promise.reject(new Error("unreachable")) : terminals.listPanes();
  const watched = probe(terminals, { list });
  await expect.poll(() => watched.isArmed()).toBe(true);
  watched.tick();
  await expect.poll(() => said(watched)).toEqual(["mer.1 alive"]);
});

it("says dead after the server was killed only of programs that are known to have ended", async () => {
  const world = tmuxWorld();
  const watched = probe(world.terminals);
  await world.launch(
    { argv: ["sh", "-c", "trap '' HUP; while :; do sleep 0.1; done"] },
    { terminal: "stays" },
  );
  await world.launch({ argv: ["sleep", "1000"] }, { terminal: "goes" });
  await expect.poll(() => said(watched)).toHaveLength(2);
  await killServer(world);
  await expect.poll(() => said(watched)).toContain("goes.1 dead");
  await expect.poll(() => watched.isArmed()).toBe(true);
  watched.tick();
  await expect.poll(() => said(watched)).toContain("stays.1 indeterminate");
  expect(watched.published.find(({ data }) => data.process === "dead")?.data.signal).toBe("SIGHUP");
});

it("O3: publishes a fact again under the same id until it was accepted", async () => {
  const { terminals, launch } = tmuxWorld();
  const tried: string[] = [];
  const watched = probe(terminals, {
    sessionOf: () => undefined,
    publish: (_lane, _id, _data, messageId) => {
      tried.push(messageId);
      return tried.length < 3 ? Promise.reject(new Error("bus down")) : Promise.resolve();
    },
  });
  await launch({});
  await expect.poll(() => tried.length).toBeGreaterThan(0);
  for (let n = 0; n < 4; n += 1) {
    await expect.poll(() => watched.isArmed()).toBe(true);
    watched.tick(1);
  }
  await expect.poll(() => watched.isArmed()).toBe(true);
  expect(tried).toEqual([tried[0], tried[0], tried[0]]);
});

it("O5: after a restart tells everything anew, an end under the id it had", async () => {
  const { terminals, launch } = tmuxWorld();
  await launch({}, { terminal: "lives" });
  await launch({ argv: ["false"] }, { terminal: "ended" });
  await expect.poll(() => terminals.exitOf({ terminal: "ended", epoch: 1 })).toEqual({ code: 1 });
  const first = probe(terminals);
  await expect.poll(() => said(first).toSorted()).toEqual(["ended.1 dead", "lives.1 alive"]);
  await first.stop();
  const second = probe(terminals);
  await expect.poll(() => said(second).toSorted()).toEqual(["ended.1 dead", "lives.1 alive"]);
  const ends = [first, second].map(({ published }) => published.find(({ id }) => id === "ended"));
  expect(ends[0]).toEqual(ends[1]);
});

it("tells quietness only at its thresholds, and when it is over", async () => {
  const { terminals, launch } = tmuxWorld();
  await launch({});
  const watched = probe(terminals, { quietAfterMs: [60_000, 120_000] });
  await expect.poll(() => watched.published).toHaveLength(1);
  const quiet = async (ms: number) => {
    await expect.poll(() => watched.isArmed()).toBe(true);
    const before = watched.counts.lists;
    watched.tick(ms);
    await expect.poll(() => watched.counts.lists).toBe(before + 1);
    await expect.poll(() => watched.isArmed()).toBe(true);
    return watched.published.length;
  };
  expect([await quiet(30_000), await quiet(20_000), await quiet(15_000)]).toEqual([1, 1, 2]);
  expect([await quiet(10_000), await quiet(50_000), await quiet(500_000)]).toEqual([2, 3, 3]);
  expect(watched.published[1]?.data.quietMs).toBeGreaterThanOrEqual(60_000);
});

it("tells that a program prints again after a quiet time", async () => {
  const row: PaneRow = { terminal: "mer", epoch: 1, hasPane: true, process: "alive" };
  const started = Date.now();
  let lastActivityAt = started;
  const list = () => Promise.resolve([{ ...row, lastActivityAt }]);
  const watched = probe(tmuxWorld().terminals, { list, quietAfterMs: [60_000] });
  await expect.poll(() => watched.isArmed()).toBe(true);
  watched.tick(70_000);
  await expect.poll(() => watched.published).toHaveLength(2);
  lastActivityAt = started + 74_000;
  await expect.poll(() => watched.isArmed()).toBe(true);
  watched.tick(5_000);
  await expect.poll(() => watched.published).toHaveLength(3);
  expect(watched.published.map(({ data }) => (data.quietMs ?? 0) >= 60_000)).toEqual([
    false,
    true,
    false,
  ]);
});

it("ignores an older look at a terminal that has ended meanwhile", async () => {
  const { terminals, launch } = tmuxWorld();
  const stale: PaneRow[] = [{ terminal: "mer", epoch: 1, hasPane: true, process: "alive" }];
  const watched = probe(terminals, { list: () => Promise.resolve(stale) });
  await expect.poll(() => said(watched)).toEqual(["mer.1 alive"]);
  await launch({ argv: ["true"] });
  await expect.poll(() => said(watched)).toEqual(["mer.1 alive", "mer.1 dead"]);
  const before = watched.counts.lists;
  await launch({}, { terminal: "other" });
  await expect.poll(() => watched.counts.lists).toBeGreaterThan(before);
  expect(said(watched)).toEqual(["mer.1 alive", "mer.1 dead"]);
});

function heard({ liveness }: Probe): string[] {
  return liveness.map(({ data }) => `${data.epoch} ${data.runtime} ${data.process}`);
}

/** Moves a probe to its next interval, and waits until it has looked. */
async function look(watched: Probe): Promise<void> {
  await expect.poll(() => watched.isArmed()).toBe(true);
  const before = [watched.counts.lists, watched.troubles.length];
  watched.tick();
  await expect.poll(() => [watched.counts.lists, watched.troubles.length]).not.toEqual(before);
  await expect.poll(() => watched.isArmed()).toBe(true);
}

it("O6: tells a session that its program runs, once, and leaves its end to its terminal", async () => {
  const { terminals, launch, home } = tmuxWorld();
  const watched = probe(terminals);
  await launch({}, { terminal: "review-mer" });
  await launch({ argv: ["sh", "-c", `while [ ! -e ${home}/go ]; do sleep 0.01; done; exit 9`] });
  await expect.poll(() => heard(watched)).toEqual(["1 alive alive"]);
  await look(watched);
  await writeFile(join(home, "go"), "");
  await expect.poll(() => said(watched)).toContain("mer.1 dead");
  await look(watched);
  expect(watched.liveness.map(({ id, data }) => [id, data])).toEqual([
    ["mer", { runtime: "alive", process: "alive", epoch: 1 }],
  ]);
  expect(watched.liveness[0]?.messageId).toMatch(/^runtime:mer:1:alive-alive:\d+$/);
});

it("O6: tells a session when its terminal cannot be looked at, and when it can again", async () => {
  const row: PaneRow = { terminal: "mer", epoch: 3, hasPane: true, process: "alive" };
  let isReachable = true;
  const list = () =>
    isReachable ? Promise.resolve([row]) : Promise.reject(new Error("unreachable"));
  const watched = probe(tmuxWorld().terminals, { list });
  await expect.poll(() => heard(watched)).toEqual(["3 alive alive"]);
  isReachable = false;
  for (let n = 0; n < 3; n += 1) await look(watched);
  isReachable = true;
  await look(watched);
  expect(heard(watched)).toEqual(["3 alive alive", "3 failed indeterminate", "3 alive alive"]);
  expect(watched.liveness[1]?.data.evidence).toBe("terminals cannot be listed: unreachable");
  expect(new Set(watched.liveness.map(({ messageId }) => messageId)).size).toBe(3);
});

it("O7: tells a session that its pane is gone when two looks in a row missed it", async () => {
  const row: PaneRow = { terminal: "mer", epoch: 1, hasPane: true, process: "alive" };
  const doubt = "mer.1.start cannot be read";
  const lost: PaneRow = { ...row, hasPane: false, process: "indeterminate", doubt };
  let rows = [row];
  const watched = probe(tmuxWorld().terminals, { list: () => Promise.resolve(rows) });
  await expect.poll(() => heard(watched)).toEqual(["1 alive alive"]);
  const told: number[] = [];
  for (const seen of [lost, row, lost, lost, lost]) {
    rows = [seen];
    await look(watched);
    told.push(watched.liveness.length);
  }
  expect(told).toEqual([1, 1, 1, 2, 2]);
  expect(heard(watched)[1]).toBe("1 dead indeterminate");
  const evidence = `its pane is gone, its program may still run: ${doubt}`;
  expect(watched.liveness[1]?.data).toMatchObject({ evidence });
});

it("O8: tells the loss of the tmux server once, as failed, and the ends of its terminals only when they stay gone", async () => {
  const { launch, terminals, tmux } = tmuxWorld();
  const names = ["mer", "b", "c", "d", "e", "f"];
  await Promise.all(names.map(async (terminal) => launch({}, { terminal })));
  const watched = probe(terminals);
  const { published, liveness, troubles } = watched;
  await expect.poll(() => published.length).toBe(6);
  await tmux.run(["kill-server"]);
  watched.tick();
  await expect
    .poll(() => liveness.at(-1)?.data)
    .toMatchObject({
      runtime: "failed",
      process: "failed",
      evidence: "server lost: its program ended at once with many others",
    });
  expect(troubles.map(String)).toEqual(["Error: server lost: 6 of 6 terminals ended at once"]);
  expect(published.filter(({ data }) => data.process === "dead")).toEqual([]);
  await expect
    .poll(() => {
      watched.tick();
      return published.filter(({ data }) => data.process === "dead").length;
    })
    .toBe(6);
  // Lost with its server, not by its own doing.
  expect(published.at(-1)?.data).not.toHaveProperty("signal");
  expect(liveness.filter(({ data }) => data.runtime === "failed")).toHaveLength(1);
});

it("O9: goes on at its interval while the records cannot be watched, and watches again", async () => {
  const { terminals, launch } = tmuxWorld();
  let refusals = 2;
  const watched = probe(terminals, {
    async *changes(signal) {
      refusals -= 1;
      if (refusals >= 0) throw new Error("no space left for watches");
      yield* terminals.changes(signal);
    },
  });
  await expect.poll(() => [watched.troubles.length, watched.counts.lists]).toEqual([1, 1]);
  // Nothing runs, and it would not be told when something does.
  expect(watched.isArmed()).toBe(true);
  await launch({});
  watched.tick();
  await expect.poll(() => said(watched)).toEqual(["mer.1 alive"]);
  watched.tick();
  await expect.poll(() => watched.counts.lists).toBe(3);
  expect(watched.troubles.map(String)).toEqual(Array(2).fill("Error: no space left for watches"));
  await launch({ argv: ["true"] }, { terminal: "b" });
  await expect.poll(() => said(watched)).toContain("b.1 dead");
});
