/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { daemonWorld, PATIENCE_MS, type DaemonWorld } from "../support/daemon.ts";

// What becomes of a daemon whose nats-server cannot be kept up: it tries with growing pauses, remembers over its own
// death how often it tried, and gives up.

/** PATH with a nats-server first that ends at once. */
function brokenServer(world: DaemonWorld): Record<string, string> {
  const bin = join(world.home, "../fake");
  mkdirSync(bin);
  const file = join(bin, "nats-server");
  writeFileSync(file, "#!/bin/sh\necho 'cannot work today' >&2\nexit 3\n");
  chmodSync(file, 0o755);
  return { PATH: `${bin}:${process.env["PATH"]}` };
}

const notesOf = (world: DaemonWorld): string => join(world.home, "supervision/daemon.json");

interface Notes {
  restarts: Partial<Record<string, number[]>>;
}

function restarts(world: DaemonWorld, cause: string): number[] {
  if (!existsSync(notesOf(world))) return [];
  const notes: Notes = JSON.parse(readFileSync(notesOf(world), "utf8"));
  return notes.restarts[cause] ?? [];
}

/** As if it had been tried so often just now. */
function spend(world: DaemonWorld, cause: string, times: number): void {
  const notes: Notes = JSON.parse(readFileSync(notesOf(world), "utf8"));
  const spent = Array.from({ length: times }, (_, n) => Date.now() - n);
  const restartsNow = { ...notes.restarts, [cause]: spent.toReversed() };
  writeFileSync(notesOf(world), JSON.stringify({ ...notes, restarts: restartsNow }));
}

describe("a nats-server that ends at once every time", () => {
  it("is tried with growing pauses, and what was tried is remembered over a kill", async () => {
    const world = daemonWorld();
    const env = brokenServer(world);
    const first = world.launch({ env });
    await vi.waitUntil(() => restarts(world, "infra").length >= 3, PATIENCE_MS);
    await world.kill();
    const tried = restarts(world, "infra");
    const [one = 0, two = 0, three = 0] = tried;
    expect([two - one >= 100, three - two >= 200]).toEqual([true, true]);
    expect(first.output()).toContain("cannot work today");
    world.launch({ env });
    await vi.waitUntil(() => restarts(world, "infra").length > tried.length, PATIENCE_MS);
    expect(restarts(world, "infra").slice(0, tried.length)).toEqual(tried);
    await world.kill();
  });

  it("ends the daemon with 1 and one clear line when the budget is used up", async () => {
    const world = daemonWorld();
    const env = brokenServer(world);
    world.launch({ env });
    await vi.waitUntil(() => restarts(world, "infra").length > 0, PATIENCE_MS);
    await world.kill();
    spend(world, "infra", 8);
    const last = world.launch({ env });
    expect(await last.exited).toEqual({ code: 1, signal: null });
    expect(last.output().trimEnd().split("\n").at(-1)).toMatch(
      /^ao: start nats-server for \S+: it did not come up: cannot work today \(BUS_DOWN\); see what is wrong: ao doctor$/,
    );
    expect(existsSync(join(world.home, "run.json"))).toBe(false);
  });

  it("ends a daemon that was up, in order", async () => {
    const world = daemonWorld();
    await world.up();
    await world.down();
    spend(world, "crash", 8);
    const { exited, output } = await world.up();
    process.kill(world.natsPid(), "SIGKILL");
    expect(await exited).toEqual({ code: 1, signal: null });
    expect(output().trimEnd().split("\n").at(-1)).toMatch(
      /^ao: keep nats-server running: gave up after crash.* \(NOT_READY\); see what is missing: ao status$/,
    );
    expect(output()).toContain('core: part.stopped id="store"');
    expect(existsSync(join(world.home, "run.json"))).toBe(false);
  });
});

describe("a part that can never start", () => {
  it("ends the start at once, and takes down what was up already", async () => {
    const other = daemonWorld();
    await other.up();
    const port = Number(new URL(other.run().url).port);
    const world = daemonWorld({ http: { port } });
    const { exited, output } = world.launch();
    expect(await exited).toEqual({ code: 1, signal: null });
    expect(output()).toMatch(/^ao: listen on 127\.0\.0\.1:\d+: another program .*\(PORT_TAKEN\)/m);
    expect(output()).toContain('daemon: part.stopped id="nats-server"');
  });
});
