/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument -- looks into bodies of every shape */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, afterAll, describe, expect, it } from "vitest";
import type { SessionView } from "../../http/session/view.ts";
import { daemonWorld } from "../support/daemon.ts";
import { atEveryBoundary, killDuring, type KillRow } from "../support/kills.ts";
import { commitFile, run } from "../support/repository.ts";

// Kill and restore with real parts: nothing runs, nothing stands and nothing is lost after a kill; everything is back
// after a restore, wherever the daemon is killed on the way.

const world = daemonWorld();
let repo = "";

beforeAll(async () => {
  await world.up({ mortal: true });
  await world.addProject();
  repo = (await world.get("/projects/demo")).root;
});
afterAll(async () => world.end());

/** Processes whose environment names a session's terminal. */
async function processesOf(id: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environ = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      const isOurs =
        environ.includes(`AO_TERMINAL_ID=${id}\0`) && environ.includes(`AO_HOME=${world.home}\0`);
      return isOurs ? [pid] : [];
    }),
  );
  return found.flat();
}

async function until(id: string, is: object): Promise<SessionView> {
  await expect.poll(async () => world.session(id), { timeout: 20_000 }).toMatchObject(is);
  return world.session(id);
}

const RUNS = { terminal: { state: "live" }, workspace: { state: "ready" } };
// Its uncommitted work is there again, and the probe has seen it.
const RESTORED = { terminal: { state: "live", epoch: 2 }, workspace: { state: "dirty" } };
const GONE = {
  wanted: "stopped",
  workspace: { state: "archived" },
  terminal: { state: "stopped" },
};

async function endedCleanly(id: string, is: object = GONE): Promise<void> {
  await until(id, is);
  expect(await processesOf(id)).toEqual([]);
  expect(await run(repo, "worktree", "list", "--porcelain")).not.toContain(`/${id}\n`);
  expect(existsSync(join(world.home, "worktrees/demo", id))).toBe(false);
  expect(
    (await readdir(join(world.home, "agents"))).filter((name) => name.startsWith(`${id}.`)),
  ).toEqual([]);
}

/** A branch with a commit of its own, and work beside it that is not committed; the commit. */
async function work(path: string): Promise<string> {
  const sha = await commitFile(path, "done", "1");
  writeFileSync(join(path, "undone"), "not committed\n");
  return sha;
}

describe("a session killed, restored and killed again", () => {
  it("leaves no process, no worktree and no lost commit, and its uncommitted work comes back", async () => {
    // Ignores what can be ignored, and leaves a child behind in a session of its own.
    const stubborn =
      "trap '' TERM HUP INT; (setsid sh -c \"trap '' TERM HUP; while :; do sleep 1; done\" &) ; while :; do sleep 1; done";
    const { id } = await world.post("/sessions", {
      projectId: "demo",
      prompt: "stay",
      command: ["sh", "-c", stubborn],
    });
    const first = await until(id, RUNS);
    await expect.poll(async () => (await processesOf(id)).length).toBeGreaterThan(3);
    const sha = await work(first.workspace.path ?? "");

    await world.post(`/sessions/${id}/kill`);
    await endedCleanly(id);
    const killed = await world.session(id);
    const ref = `refs/ao/preserved/${id}`;
    expect(killed.workspace.preserved).toMatchObject({ ref, isApplied: false });
    expect(await run(repo, "rev-parse", `ao/${id}`, `${ref}^1`)).toBe(`${sha}\n${sha}`);

    const { stdout } = await world.ao("restore", id);
    expect(stdout).toMatch(new RegExp(`^session ${id}: `));
    const restored = await until(id, RESTORED);
    expect(restored).toMatchObject({
      lifecycle: { state: "not_started", reason: "spawn_requested" },
      pr: { state: "none", reason: "cleared_on_restore" },
      wanted: "running",
      workspace: { headSha: sha, preserved: { ref, isApplied: true } },
    });
    const path = restored.workspace.path ?? "";
    expect(readFileSync(join(path, "undone"), "utf8")).toBe("not committed\n");
    expect(await run(path, "status", "--porcelain")).toBe("?? undone");

    await world.post(`/sessions/${id}/kill`, { kind: "cleanup" });
    await endedCleanly(id);
    expect(await run(repo, "rev-parse", `ao/${id}`, `${ref}^1`)).toBe(`${sha}\n${sha}`);
    expect(await run(repo, "show", `${ref}:undone`)).toBe("not committed");
    await world.settled();
  });

  it("is one restore however many ask at once, and its project knows that it runs", async () => {
    const id = await world.addSession();
    await world.post(`/sessions/${id}/kill`);
    // Asked before it has ended, too.
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => world.request("POST", `/sessions/${id}/restore`)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await until(id, { ...RUNS, terminal: { state: "live", epoch: 2 } });
    await expect.poll(() => world.starts(id).map((line) => line.split(" ")[1])).toEqual(["1", "2"]);
    expect(await world.request("DELETE", "/projects/demo")).toMatchObject({
      status: 409,
      body: { code: "PROJECT_BUSY" },
    });
    const refused = await world.request("POST", `/sessions/${id}/restore`);
    expect(refused).toMatchObject({ status: 409, body: { code: "SESSION_NOT_RESTORABLE" } });
    await world.post(`/sessions/${id}/kill`);
    await endedCleanly(id);
  });
});

describe("a kill of the daemon", () => {
  it.each([
    ...atEveryBoundary("the command to restore"),
    {
      title: "the making of the worktree",
      doom: { at: "during", effect: "prepareWorkspace", afterMs: 20 },
    },
    {
      title: "a worktree that nobody was told of",
      doom: { at: "result", effect: "prepareWorkspace" },
    },
    { title: "an agent that nobody was told of", doom: { at: "result", effect: "launchTerminal" } },
  ] satisfies KillRow[])("at $title restores the session once, with its work", async ({ doom }) => {
    await world.up({ mortal: true });
    const id = await world.addSession();
    const sha = await work((await world.session(id)).workspace.path ?? "");
    await world.post(`/sessions/${id}/kill`);
    await until(id, GONE);
    const restore = async () => world.request("POST", `/sessions/${id}/restore`, {}, { key: id });
    await killDuring(world, doom, restore);
    await restore();
    const { workspace } = await until(id, RESTORED);
    expect(await run(workspace.path ?? "", "rev-parse", "HEAD")).toBe(sha);
    expect(await run(workspace.path ?? "", "status", "--porcelain")).toBe("?? undone");
    await expect.poll(() => world.starts(id).map((line) => line.split(" ")[1])).toEqual(["1", "2"]);
    await world.post(`/sessions/${id}/kill`);
    await endedCleanly(id);
  });

  it.each([
    {
      title: "the end of its processes",
      doom: { at: "during", effect: "destroyTerminal", afterMs: 10 },
    },
    {
      title: "processes whose end nobody was told of",
      doom: { at: "result", effect: "destroyTerminal" },
    },
    {
      title: "the keeping of its work",
      doom: { at: "during", effect: "reclaimWorkspace", afterMs: 60 },
    },
    {
      title: "a removal that nobody was told of",
      doom: { at: "result", effect: "reclaimWorkspace" },
    },
  ] satisfies KillRow[])(
    "at $title ends the session cleanly, and keeps its work",
    async ({ doom }) => {
      await world.up({ mortal: true });
      const id = await world.addSession();
      const sha = await work((await world.session(id)).workspace.path ?? "");
      const kill = async () => world.request("POST", `/sessions/${id}/kill`, {}, { key: id });
      await killDuring(world, doom, kill);
      await kill();
      await endedCleanly(id);
      const ref = `refs/ao/preserved/${id}`;
      expect(await run(repo, "rev-parse", `ao/${id}`, `${ref}^1`)).toBe(`${sha}\n${sha}`);
      expect((await world.session(id)).workspace.preserved).toMatchObject({ ref });
    },
  );
});

it("a restore whose program is gone leaves the session as it was, and says why", async () => {
  const { id } = await world.post("/sessions", {
    projectId: "demo",
    prompt: "once",
    command: ["sh", "-c", "exec cat"],
  });
  await until(id, RUNS);
  await world.post(`/sessions/${id}/kill`);
  const before = await until(id, GONE);
  // Nothing can be entered there.
  const place = join(world.home, "worktrees/demo", id);
  await execa("sh", ["-c", `mkdir -p ${place} && echo foreign > ${place}/x`]);
  await world.post(`/sessions/${id}/restore`);
  const after = await until(id, {
    lifecycle: before.lifecycle,
    trouble: { code: "WORKSPACE_FOREIGN" },
  });
  expect([after.pr, after.status]).toEqual([before.pr, before.status]);
  expect(readFileSync(join(place, "x"), "utf8")).toBe("foreign\n");
});

it("a kill does not wait for a launch that hangs", async () => {
  await world.up({ mortal: true });
  // Its prompt is typed when it listens, which it never says: the launch would wait for 20 s.
  const command = ["sh", "-c", "exec cat > /dev/null"];
  const asked = { projectId: "demo", prompt: "hear me", harness: "aider", command };
  const { id } = await world.post("/sessions", asked);
  await expect.poll(async () => (await processesOf(id)).length).toBeGreaterThan(0);
  expect(await world.session(id)).toMatchObject({ terminal: { state: "starting" } });
  const startedAt = performance.now();
  await world.post(`/sessions/${id}/kill`);
  await endedCleanly(id);
  expect(performance.now() - startedAt).toBeLessThan(12_000);
});

it("a kill does not wait for git that hangs while it makes the worktree", async () => {
  await world.up({ mortal: true });
  // A checkout of this branch runs a filter that never comes to an end.
  await run(repo, "config", "filter.endless.smudge", "sleep 4711");
  await run(repo, "checkout", "--quiet", "-b", "endless");
  await commitFile(repo, ".gitattributes", "*.slow filter=endless");
  await commitFile(repo, "a.slow", "1");
  await run(repo, "checkout", "--quiet", "main");
  const asked = { projectId: "demo", prompt: "wait", harness: "command", command: ["cat"] };
  const { id } = await world.post("/sessions", { ...asked, branch: "endless" });
  await expect.poll(async () => filtersOf(id), { timeout: 20_000 }).not.toEqual([]);
  expect(await world.session(id)).toMatchObject({ workspace: { state: "preparing" } });
  const startedAt = performance.now();
  await world.post(`/sessions/${id}/kill`);
  await endedCleanly(id, { ...GONE, terminal: { state: "absent" } });
  expect(performance.now() - startedAt).toBeLessThan(12_000);
  expect(await filtersOf(id)).toEqual([]);
  expect(await readdir(join(world.home, "worktrees/demo/.making"))).toEqual([]);
});

/** Endless filters that run in a worktree which is being made for a session. */
async function filtersOf(id: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const argv = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      const place = await readlink(`/proc/${pid}/cwd`).catch(() => "");
      return argv.startsWith("sleep\x004711") && place.includes(`.making/${id}.`) ? [pid] : [];
    }),
  );
  return found.flat();
}

it.each([
  { harness: "codex", is: { status: 422, body: { code: "AGENT_BINARY_NOT_FOUND" } } },
  { harness: "hal", is: { status: 422, body: { code: "HARNESS_UNKNOWN" } } },
])(
  "a session whose harness is $harness, which is not there, is refused before anything is made",
  async ({ harness, is }) => {
    await world.up({ mortal: true });
    const before = await run(repo, "for-each-ref");
    const asked = { projectId: "demo", prompt: "go", harness };
    expect(await world.request("POST", "/sessions", asked)).toMatchObject(is);
    expect(await run(repo, "for-each-ref")).toBe(before);
  },
);
