/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { startNatsServer } from "../../bus/nats-server.ts";
import { daemonWorld, observe, type DaemonWorld } from "../support/daemon.ts";
import { appliedTo, keepReporting } from "../support/kills.ts";
import { isAlive } from "../adapters/terminal/tmux-world.ts";
import { tempFolder } from "../support/folder.ts";
import { freeze } from "../support/freeze.ts";

// What becomes of a daemon whose NATS is killed, wiped, frozen, or somebody else's.

async function withSession(config: object = {}): Promise<{ world: DaemonWorld; id: string }> {
  const world = daemonWorld(config);
  await world.up({ mortal: true });
  await world.addProject();
  return { world, id: await world.addSession() };
}

async function reports(world: DaemonWorld, id: string): Promise<void> {
  const key = randomUUID();
  await expect
    .poll(async () => world.request("POST", `/sessions/${id}/report`, { summary: key }, { key }))
    .toMatchObject({ status: 200 });
}

describe("the daemon's own nats-server, killed", () => {
  it("comes back, and no command that was acknowledged meanwhile is lost or done twice", async () => {
    const { world, id } = await withSession();
    const { pid } = world.run();
    const stop = new AbortController();
    const reporting = keepReporting(world, id, stop.signal);
    for (let kills = 0; kills < 3; kills += 1) {
      const server = world.natsPid();
      process.kill(server, "SIGKILL");
      await expect.poll(() => world.natsPid()).not.toBe(server);
      await reports(world, id);
    }
    stop.abort();
    const { acknowledged, refusals } = await reporting;
    expect([...refusals].filter((refusal) => refusal !== "503 BUS_DOWN")).toEqual([]);
    await world.settled();
    const applied = await appliedTo(world, id);
    // How many got through between two kills is the machine's matter.
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.filter((key) => !applied.includes(key))).toEqual([]);
    expect(applied).toHaveLength(new Set(applied).size);
    expect(world.run().pid).toBe(pid);
    const nc = await world.nats("probe");
    await observe(nc, `activity.${id}`, { state: "blocked" });
    await expect.poll(async () => (await world.session(id)).activity.state).toBe("blocked");
  });

  it("and wiped loses nothing that was committed, and mail that was under way gets through", async () => {
    const { world, id } = await withSession();
    const nc = await world.nats("probe");
    const name = randomUUID();
    await observe(nc, `activity.${id}`, { state: "idle" }, { id: name });
    await expect.poll(async () => (await world.session(id)).activity.state).toBe("idle");
    await world.settled();
    const before = await stepsOf(world, id);
    // Stopped in the middle: the text is in the outbox, and its mail nowhere but in a stream that will be gone.
    world.doom({ at: "result", effect: "typeText" });
    const sending = world.request("POST", `/sessions/${id}/send`, { text: "hello" });
    await world.doomed();
    await sending.catch(() => {});
    process.kill(world.natsPid(), "SIGKILL");
    rmSync(join(world.home, "nats/store"), { recursive: true, force: true });
    await world.up({ mortal: true });
    await expect.poll(() => world.typed(id)).toEqual(["hello"]);
    await world.settled();
    expect(await stepsOf(world, id)).toBeGreaterThan(before);
    // And once more under the daemon that runs, while it types.
    const running = world.run().pid;
    const server = world.natsPid();
    await world.post(`/sessions/${id}/send`, { text: "once more" });
    await freeze(server);
    rmSync(join(world.home, "nats/store"), { recursive: true, force: true });
    process.kill(server, "SIGKILL");
    await expect.poll(() => world.natsPid()).not.toBe(server);
    await reports(world, id);
    // The receipt of the text counts as a revision too.
    await world.settled();
    const { duplicate } = await world.get("/intake");
    const again = await world.nats("probe");
    const { revision } = await world.session(id);
    await observe(again, `activity.${id}`, { state: "idle" }, { id: name });
    await expect.poll(async () => (await world.get("/intake")).duplicate).toBe(duplicate + 1);
    expect(await world.session(id)).toMatchObject({ revision });
    expect(world.run().pid).toBe(running);
    await world.settled();
    expect(world.starts(id)).toHaveLength(1);
    expect(world.typed(id)).toEqual(["hello", "once more"]);
  });

  it("frozen for some seconds, is waited for, and commands tell the truth meanwhile", async () => {
    const { world, id } = await withSession();
    const { pid } = world.run();
    const server = world.natsPid();
    const key = randomUUID();
    await freeze(server);
    const asked = await world.request("POST", `/sessions/${id}/report`, { summary: "x" }, { key });
    process.kill(server, "SIGCONT");
    expect(asked).toMatchObject({ status: 503, body: { code: "BUS_DOWN" } });
    await expect
      .poll(async () => world.request("POST", `/sessions/${id}/report`, { summary: "x" }, { key }))
      .toMatchObject({ status: 200, body: { report: { summary: "x" } } });
    await world.settled();
    const applied = await appliedTo(world, id);
    expect(applied.filter((each) => each.endsWith(key))).toHaveLength(1);
    expect([world.run().pid, world.natsPid()]).toEqual([pid, server]);
  });
});

/** Steps of a session so far. */
async function stepsOf(world: DaemonWorld, id: string): Promise<number> {
  return (await world.get(`/actors/session/${id}`)).seq;
}

describe("somebody else's NATS", () => {
  it("is used when AO_NATS_URL names it, and left running when the daemon goes", async () => {
    const server = await startNatsServer({ home: tempFolder() });
    onTestFinished(async () => server.stop());
    const { user, pass } = server.credentials.ao;
    const url = server.url.replace("//", `//${user}:${pass}@`);
    const world = daemonWorld();
    const env = { AO_NATS_URL: url };
    await world.up({ env });
    await world.addProject();
    const id = await world.addSession();
    expect(world.run().natsUrl).toBe(url);
    await expect(world.nats()).rejects.toThrow(/ENOENT/);
    expect(await world.down()).toEqual({ code: 0, signal: null });
    expect(await isAlive(server.pid)).toBe(true);
    await world.up({ env });
    await expect.poll(async () => (await world.session(id)).runtime.state).toBe("alive");
    expect(world.starts(id)).toHaveLength(1);
  });
});
