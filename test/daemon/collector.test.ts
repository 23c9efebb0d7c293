/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { worktrees } from "../../adapters/worktree/worktrees.ts";
import { daemonWorld } from "../support/daemon.ts";
import { run } from "../support/repository.ts";

it("tells of every directory why it stays or goes, on the line, as JSON and over HTTP", async () => {
  const world = daemonWorld();
  await world.up();
  await world.addProject();
  const id = await world.addSession();
  const said = await world.ao("cleanup", "--dry-run");
  expect(said.stdout).toMatch(new RegExp(`kept +\\S*/${id} +its session is open`));
  const told = JSON.parse((await world.ao("cleanup", "--dry-run", "--json")).stdout);
  expect(told.directories).toMatchObject([{ name: id, area: "worktree", verdict: "kept" }]);
  const [{ path }] = told.directories;
  expect(existsSync(path)).toBe(true);
  expect(await world.get(`/directories?project=demo`)).toMatchObject({
    directories: told.directories,
    missing: [],
    isPressed: false,
  });
  await world.post(`/sessions/${id}/report`, { summary: "Done." });
  const [{ verdict, why }] = (await world.post("/sessions/cleanup", { dryRun: true })).directories;
  expect([verdict, why]).toEqual(["removed", "its session is over, and is ended"]);
  expect(existsSync(path)).toBe(true);
  await world.ao("cleanup");
  await expect.poll(async () => (await world.get("/directories")).directories).toEqual([]);
  expect(existsSync(path)).toBe(false);
  expect((await world.ao("host", "lift", "codex")).stdout).toBe(
    "codex has no limit that could be lifted",
  );

  const { root } = await world.get("/projects/demo");
  await run(root, "clone", "--quiet", "--bare", ".", "../far.git");
  const added = await world.ao("project", "add", `file://${root}/../far.git`, "--json");
  const { id: mirrored, root: mirror } = JSON.parse(added.stdout);
  expect([mirrored, mirror]).toEqual(["far", expect.stringMatching(/\/mirrors\/far-\w+\.git$/)]);
  expect((await world.ao("cleanup", "--dry-run")).stdout).toMatch(
    /kept +\S*far-\S+ +every checkout of far is cut from it/,
  );
  const sha = await run(mirror, "commit-tree", "origin/main^{tree}", "-m", "not pushed");
  await run(mirror, "update-ref", "refs/heads/ao/far-1", sha);
  expect((await world.ao("project", "rm", "far")).stdout).toMatch("is kept: no project");
  await run(mirror, "update-ref", "-d", "refs/heads/ao/far-1");
  await run(mirror, "update-ref", "refs/ao/preserved/far-1", sha);
  expect((await world.ao("cleanup", "--preserved", "far-1")).exitCode).toBe(0);
  await world.post("/sessions/cleanup", {});
  await expect.poll(() => existsSync(mirror)).toBe(false);
});

it("removes at its start a worktree that nobody knows, with its work in a ref", async () => {
  const world = daemonWorld();
  await world.up();
  await world.addProject();
  const { root } = await world.get("/projects/demo");
  await world.down();
  const spec = { projectId: "demo", repo: root, branch: "ao/lost-1", baseRef: "main" };
  const { path } = await worktrees({ home: world.home }).prepareWorkspace(
    { workspace: "lost-1", host: "local", epoch: 1, spec, isAgain: false },
    {
      effectId: "workspace/lost-1#1.0",
      orderedAt: 0,
      attempt: 1,
      signal: new AbortController().signal,
    },
  );
  await writeFile(join(path, "work"), "mine");
  await world.up();
  await expect.poll(() => existsSync(path)).toBe(false);
  expect(await run(root, "show", "refs/ao/preserved/lost-1:work")).toBe("mine");
  expect((await world.ao("cleanup", "--dry-run")).stdout).toMatch(
    /work +refs\/ao\/preserved\/lost-1 +since 20\S+: no session of this name is known here/,
  );
  expect((await world.ao("cleanup", "--preserved", "lost-1")).stdout).toMatch(
    /^dropped refs\/ao\/preserved\/lost-1; .*git show [0-9a-f]{40}/,
  );
  expect(await run(root, "for-each-ref", "refs/ao/preserved")).toBe("");
  expect((await world.ao("cleanup", "--preserved", "lost-1")).exitCode).toBe(1);
  const ended = await world.addSession();
  await writeFile(join((await world.session(ended)).workspace.path ?? "", "work"), "more");
  await world.ao("kill", ended);
  await expect
    .poll(async () => (await world.ao("cleanup", "--dry-run")).stdout)
    .toMatch(new RegExp(`work +refs/ao/preserved/${ended} +since \\S+: ao restore ${ended} puts`));
  const preserved = async () => {
    const [listed] = (await world.get("/sessions")).sessions;
    return [(await world.session(ended)).workspace.preserved, listed.workspace.preserved];
  };
  const ref = { ref: `refs/ao/preserved/${ended}` };
  await expect.poll(preserved).toMatchObject([ref, ref]);
  await world.ao("cleanup", "--preserved", ended);
  expect(await preserved()).toEqual([null, null]);
  await rename(root, `${root}.away`);
  expect(await preserved()).toMatchObject([ref, ref]);
  expect((await world.ao("cleanup", "--dry-run")).stdout).toMatch("nothing to clean up");
  await expect
    .poll(async () => (await world.get("/actors/collector/local")).context)
    .toMatchObject({ removed: 1, failures: 0, left: [] });
});
