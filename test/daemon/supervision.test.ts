/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { daemonWorld, PATIENCE_MS, type DaemonWorld } from "../support/daemon.ts";

// What becomes of a daemon whose nats-server cannot be kept up: it tries with growing pauses, remembers over its own
// death how often it tried, and gives up at its start, but never once it was up.

/** PATH with a nats-server first that ends at once. */
function brokenServer(world: DaemonWorld): Record<string, string> {
  const bin = join(world.home, "../fake");
  mkdirSync(bin);
  const file = join(bin, "nats-server");
  writeFileSync(file, "#!/bin/sh\necho 'cannot work today' >&2\nexit 3\n");
  chmodSync(file, 0o755);
  return { PATH: `${bin}:${process.env["PATH"]}` };
}

const notesOf = (world: DaemonWorld): string => join(world.home, "supervision/nats.json");

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

  it("never ends a daemon that was up: HTTP answers, health says so, and it comes back (D4)", async () => {
    const world = daemonWorld();
    await world.up();
    await world.addProject();
    await world.down();
    spend(world, "crash", 8);
    spend(world, "infra", 8);
    const env = brokenServer(world);
    const path = env["PATH"]?.split(":")[0] ?? "";
    renameSync(path, `${path}.off`);
    await world.up({ env });
    const { pid } = world.run();
    const server = world.natsPid();
    renameSync(`${path}.off`, path);
    process.kill(server, "SIGKILL");
    // Over the budget from the first end on, and it cannot come up again for now.
    const tried = restarts(world, "infra").length;
    await vi.waitUntil(() => restarts(world, "infra").length >= tried + 2, PATIENCE_MS);
    const health = await fetch(`${world.run().url}/readyz`);
    expect([health.status, await health.text()]).toEqual([
      503,
      expect.stringMatching(/nats-server.*cannot work today/) as unknown,
    ]);
    expect((await world.get("/projects/demo")).state).toBe("registered");
    rmSync(path, { recursive: true });
    await expect
      .poll(async () => (await fetch(`${world.run().url}/readyz`)).status, { timeout: 30_000 })
      .toBe(200);
    expect([world.run().pid, world.natsPid() === server]).toEqual([pid, false]);
    expect((await world.post("/projects/demo/pause")).state).toBe("paused");
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
    expect(output()).toContain('nats: part.stopped id="nats-server"');
  });
});
