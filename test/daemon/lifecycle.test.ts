/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it, onTestFinished } from "vitest";
import { isAlive } from "../adapters/terminal/tmux-world.ts";
import { daemonWorld, PATIENCE_MS, type DaemonWorld } from "../support/daemon.ts";
import { endLeftovers } from "../support/leftovers.ts";

// One daemon per home, how it comes and goes, and what becomes of its agents meanwhile.

async function withSession(): Promise<{ world: DaemonWorld; id: string; agent: number }> {
  const world = daemonWorld();
  await world.up();
  await world.addProject();
  const id = await world.addSession();
  const agent = await agentOf(world, id);
  return { world, id, agent };
}

/** The pid that the agent itself wrote down. */
async function agentOf(world: DaemonWorld, id: string): Promise<number> {
  await expect.poll(() => world.starts(id)).not.toEqual([]);
  return Number(world.starts(id).at(-1)?.split(" ")[2]);
}

describe("a second daemon", () => {
  it("D1: says who holds the home, and exits 1", async () => {
    const world = daemonWorld();
    const { pid } = await world.up();
    const second = world.launch();
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.output()).toMatch(
      new RegExp(
        `^ao: start a daemon in .*: process ${pid} runs at http.*\\(DAEMON_RUNNING\\); look at it with: ao status$`,
        "m",
      ),
    );
    expect((await world.request("GET", "//readyz")).status).toBe(200);
  });

  it("D1: is kept out by the lock even while the first has not said that it is there", async () => {
    const world = daemonWorld();
    const racers = [1, 2, 3].map(() => world.launch());
    const ends = racers.map(async ({ pid, exited, output }) => ({
      pid,
      ...(await exited),
      text: output(),
    }));
    const losers = [await Promise.race(ends)];
    await expect.poll(() => existsSync(join(world.home, "run.json"))).toBe(true);
    const winner = world.run().pid;
    losers.push(...(await Promise.all(ends.filter((_, n) => racers[n]?.pid !== winner))));
    expect(losers.every(({ code }) => code === 1)).toBe(true);
    expect(losers[0]?.text).toContain("DAEMON_RUNNING");
    expect((await world.request("GET", "//readyz")).status).toBe(200);
  });
});

describe("a run.json of a daemon that was killed", () => {
  it("D2: is recognised as stale, even when its pid belongs to somebody else by now", async () => {
    const world = daemonWorld();
    await world.up();
    await world.kill();
    const file = join(world.home, "run.json");
    const stale: object = JSON.parse(readFileSync(file, "utf8"));
    const stranger = execa("sleep", ["60"], { reject: false });
    onTestFinished(() => void stranger.kill());
    writeFileSync(file, JSON.stringify({ ...stale, pid: stranger.pid }));
    expect((await world.ao("status")).stdout).toMatch(/^not running/);
    expect((await world.ao("down")).stdout).toMatch(/^no daemon runs/);
    const { pid } = await world.up();
    expect(world.run().pid).toBe(pid);
    expect(await isAlive(stranger.pid ?? 0)).toBe(true);
  });
});

describe("a daemon that is told to stop", () => {
  it("orcha-103, D2, D3: stops in order, leaves its agents running, and adopts them at the next start", async () => {
    const { world, id, agent } = await withSession();
    const server = world.natsPid();
    expect(await world.down()).toEqual({ code: 0, signal: null });
    expect(existsSync(join(world.home, "run.json"))).toBe(false);
    expect([await isAlive(server), await isAlive(agent)]).toEqual([false, true]);
    // Something in it will not end by itself.
    const env = { NODE_OPTIONS: "--import=data:text/javascript,setInterval(()=>{},1e9)" };
    const { output } = await world.up({ env });
    await world.post(`/sessions/${id}/send`, { text: "still there?" });
    await expect.poll(() => world.typed(id)).toEqual(["still there?"]);
    await world.settled();
    expect(await world.session(id)).toMatchObject({
      terminal: { epoch: 1, state: "live" },
      runtime: { state: "alive" },
    });
    expect(world.starts(id)).toHaveLength(1);
    expect(await agentOf(world, id)).toBe(agent);
    expect(await world.down()).toEqual({ code: 0, signal: null });
    expect(output()).toMatch(
      /^ao: ended what did not end by itself; the next daemon begins it again$/m,
    );
    const stopped = [...output().matchAll(/part\.stopped id="(\S+)"/g)].map(([, name]) => name);
    expect(stopped).toEqual(["http", "probes", "system", "bus", "store", "core", "nats-server"]);
  });
});

describe("ao down", () => {
  it("waits until what was killed has ended, so that nothing is left of it", async () => {
    const world = daemonWorld({ shutdown: { graceMs: 1_500 } });
    await world.up();
    await world.addProject();
    const deaf = 'trap "" TERM HUP; echo "$AO_SESSION_ID $AO_EPOCH $$" >> "$DIARY/starts"; cat';
    const order = { projectId: "demo", prompt: "Do it.", command: ["sh", "-c", deaf] };
    const { id } = await world.post("/sessions", order);
    await expect.poll(() => world.starts(id).length, { timeout: PATIENCE_MS }).toBe(1);
    await world.ao("kill", id);
    const { exitCode, stderr } = await world.ao("down");
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining(`session/${id}`)]);
    expect(await endLeftovers(world.home, 1_000)).toEqual([]);
  });
});

describe("an agent that ends", () => {
  it.each([
    {
      how: "by itself",
      end: async (world: DaemonWorld, id: string) =>
        void (await world.post(`/sessions/${id}/send`, { text: "exit 7" })),
      seen: { exitCode: 7 },
    },
    {
      how: "by a signal",
      end: async (world: DaemonWorld, id: string) =>
        void process.kill(await agentOf(world, id), "SIGTERM"),
      seen: { signal: "SIGTERM" },
    },
  ])("$how shows how in its session", async ({ end, seen }) => {
    const { world, id } = await withSession();
    await end(world, id);
    await expect
      .poll(async () => world.session(id))
      .toMatchObject({
        terminal: { ...seen, epoch: 1 },
        runtime: { state: "exited" },
        lifecycle: { state: "terminated", reason: "agent_process_exited" },
      });
    await world.settled();
  });

  it("while no daemon runs shows how at the next start", async () => {
    const { world, id, agent } = await withSession();
    await world.kill();
    process.kill(agent, "SIGKILL");
    await world.up();
    await expect
      .poll(async () => world.session(id))
      .toMatchObject({
        terminal: { signal: "SIGKILL" },
        lifecycle: { state: "terminated" },
      });
  });
});

describe("a tmux server that is killed", () => {
  it.each([{ when: "runs" }, { when: "is down" }])(
    "while the daemon $when leaves no session alive for ever",
    async ({ when }) => {
      const { world, id, agent } = await withSession();
      const server = Number(await world.tmux("display-message", "-p", "#{pid}"));
      if (when === "is down") await world.kill();
      process.kill(server, "SIGKILL");
      await expect.poll(async () => isAlive(agent)).toBe(false);
      if (when === "is down") await world.up();
      await expect
        .poll(async () => world.session(id))
        .toMatchObject({
          terminal: { epoch: 1, state: "exited" },
          lifecycle: { state: "terminated" },
        });
      const next = await world.addSession();
      expect(await world.session(next)).toMatchObject({ runtime: { state: "alive" } });
      await world.settled();
    },
  );
});
