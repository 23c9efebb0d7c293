import { writeFileSync } from "node:fs";
import {
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { workspaceFacts } from "../../../adapters/git/facts.ts";
import { PRESERVED_BYTES } from "../../../adapters/worktree/preserve.ts";
import { worktrees } from "../../../adapters/worktree/worktrees.ts";
import { tempFolder } from "../../support/folder.ts";
import { commitFile, repositoryAlone, run } from "../../support/repository.ts";
import {
  alone,
  expectTidy,
  published,
  type Scene,
  sceneOf,
  withSubmodule,
} from "../../support/workspace.ts";

const REF = "refs/ao/preserved/w-1";

describe("reclaiming a workspace", () => {
  it("removes a worktree whose commits are on origin, and keeps its branch", async () => {
    const scene = await published();
    await scene.prepare();
    const sha = await commitFile(scene.path, "a", "1");
    await run(scene.path, "push", "--quiet", "origin", "HEAD");
    expect(await scene.reclaim()).toEqual({ removed: true });
    expect(await scene.reclaim()).toEqual({ removed: true });
    expect(await run(scene.repo, "rev-parse", "ao/w-1")).toBe(sha);
    await expectTidy(scene);
  });

  it("removes ignored files with it", async () => {
    const scene = await alone();
    await writeFile(join(scene.repo, ".git/info/exclude"), "node_modules");
    await scene.prepare();
    await mkdir(join(scene.path, "node_modules/x"), { recursive: true });
    expect(await scene.reclaim()).toEqual({ removed: true });
  });

  it("never follows a link out of the worktree (W5)", async () => {
    const scene = await alone();
    await writeFile(join(scene.repo, ".git/info/exclude"), "link");
    await scene.prepare();
    await symlink(scene.repo, join(scene.path, "link"));
    expect(await scene.reclaim()).toEqual({ removed: true });
    expect(await readdir(scene.repo)).toContain("README");
  });

  it.each([
    { title: "the repository itself", at: (scene: Scene) => scene.repo },
    { title: "another workspace", at: (scene: Scene) => join(scene.path, "../w-2") },
    { title: "a way around", at: (scene: Scene) => join(scene.home, "link/w-1") },
  ])("refuses $title as its path (W5)", async ({ at }) => {
    const scene = await alone();
    await scene.prepare();
    await symlink(scene.repo, join(scene.home, "link"));
    expect(await scene.reclaim(at(scene))).toMatchObject({ removed: false, reason: "unknown" });
    expect(await readdir(scene.path)).toContain("README");
  });

  it.each([
    { title: "a merge half done", reason: "dirty", says: "MERGE_HEAD", work: beginMerge },
    {
      title: "a repository of its own inside",
      reason: "dirty",
      says: "repositories inside: inner",
      work: async (path: string) => {
        await run(path, "init", "--quiet", "inner");
        await commitHere(join(path, "inner"));
      },
    },
    {
      title: "an empty repository inside",
      reason: "dirty",
      says: "git add",
      work: (path: string) => run(path, "init", "--quiet", "inner"),
    },
    {
      title: "more than a ref should hold",
      reason: "dirty",
      says: "more than 536870912 bytes",
      work: async (path: string) => {
        await writeFile(join(path, "huge"), "");
        await truncate(join(path, "huge"), PRESERVED_BYTES + 1);
      },
    },
    {
      title: "a lock that a person set",
      reason: "unknown",
      says: "locked",
      work: (path: string) => run(path, "worktree", "lock", path),
    },
  ])("keeps a worktree with $title (W4)", async ({ reason, says, work }) => {
    const scene = await published();
    await scene.prepare();
    await work(scene.path);
    const before = await workspaceFacts(scene.path);
    const answer = await scene.reclaim();
    expect(answer).toMatchObject({ removed: false, reason });
    expect(JSON.stringify(answer)).toContain(says);
    expect(await workspaceFacts(scene.path)).toEqual(before);
  });

  it.each([
    { title: "an origin that does not have them", make: published },
    { title: "no origin", make: alone },
  ])(
    "removes a worktree whose commits are on its branch, which stays, with $title (W4)",
    async ({ make }) => {
      const scene = await make();
      await scene.prepare();
      const sha = await commitHere(scene.path);
      expect(await scene.reclaim()).toEqual({ removed: true });
      expect(await run(scene.repo, "rev-parse", "ao/w-1")).toBe(sha);
    },
  );

  it("keeps a worktree whose submodule has commits that are not published (W4)", async () => {
    const scene = await withSubmodule();
    await scene.prepare();
    await commitFile(join(scene.path, "lib"), "a", "1");
    expect(await scene.reclaim()).toMatchObject({ removed: false, reason: "dirty" });
    await run(scene.path, "commit", "--quiet", "-a", "-m", "move lib");
    expect(await scene.reclaim()).toMatchObject({ removed: false, reason: "unpushed" });
    await run(join(scene.path, "lib"), "push", "--quiet", "origin", "HEAD:refs/heads/side");
    expect(await scene.reclaim()).toEqual({ removed: true });
    await expectTidy(scene);
  });

  it("keeps a worktree with a submodule that holds what is not committed, and says so (V2)", async () => {
    const scene = await withSubmodule();
    await scene.prepare();
    await writeFile(join(scene.path, "lib/README"), "mine");
    const answer = await scene.reclaim();
    expect(answer).toMatchObject({ removed: false, reason: "dirty" });
    expect(JSON.stringify(answer)).toContain("changes in submodules: lib");
    expect(await readFile(join(scene.path, "lib/README"), "utf8")).toBe("mine");
  });

  it("keeps a worktree that changes between the look and the removal (W4)", async () => {
    const repository = await repositoryAlone();
    let names = 0;
    // The second name is that of the trash: it is asked for after the look.
    const scene: Scene = sceneOf(repository, () => {
      names += 1;
      if (names === 2) writeFileSync(join(scene.path, "new"), "kept");
      return `name${names}`;
    });
    await scene.prepare();
    expect(await scene.reclaim()).toMatchObject({ removed: false, reason: "dirty" });
    expect(await readFile(join(scene.path, "new"), "utf8")).toBe("kept");
    await expectTidy(scene);
  });

  it("orcha-196: has nothing to do when its repository is gone and nothing of it is left here (W8)", async () => {
    const scene = await alone();
    await scene.prepare();
    await rename(scene.repo, `${scene.repo}.gone`);
    await rm(scene.path, { recursive: true });
    expect(await scene.reclaim()).toEqual({ removed: true });
  });

  it("orcha-350: is not over while the volume of its repository is not mounted, until its project is removed (W8)", async () => {
    const scene = await alone();
    const volume = join(scene.home, "volume");
    await mkdir(volume);
    await rename(scene.repo, join(volume, "repo"));
    const on = sceneOf({ home: scene.home, path: join(volume, "repo") });
    await on.prepare();
    await rm(on.path, { recursive: true });
    await rename(volume, `${volume}.away`);
    await expect(on.reclaim()).rejects.toMatchObject({ code: "REPOSITORY_INVALID" });
    // Where it is mounted is there all the same on most machines.
    await mkdir(volume);
    await expect(on.reclaim()).rejects.toMatchObject({ code: "REPOSITORY_INVALID" });
    await rename(`${volume}.away/repo`, join(volume, "repo"));
    expect(await on.reclaim()).toEqual({ removed: true });
    await rm(volume, { recursive: true });
    const { reclaimWorkspace } = worktrees({ home: on.home, isProject: (id) => id !== "mer" });
    const spec = { projectId: "mer", repo: on.repo, branch: "ao/w-1", baseRef: "main" };
    const { signal } = new AbortController();
    const at = { effectId: "workspace/w-1#2.0", orderedAt: 0, attempt: 1, signal };
    const order = { workspace: "w-1", host: "local", path: on.path, spec };
    expect(await reclaimWorkspace(order, at)).toEqual({ removed: true });
  });

  it("orcha-350: is not over while the folder of all worktrees leads to a volume that is not mounted (W8)", async () => {
    const scene = await alone();
    await scene.prepare();
    const trees = join(scene.home, "worktrees");
    await rename(trees, join(scene.home, "volume"));
    await symlink(join(scene.home, "volume"), trees);
    await rename(scene.repo, `${scene.repo}.gone`);
    await rename(join(scene.home, "volume"), join(scene.home, "away"));
    await expect(scene.reclaim()).rejects.toMatchObject({ code: "REPOSITORY_INVALID" });
    await mkdir(join(scene.home, "volume"));
    await expect(scene.reclaim()).rejects.toMatchObject({ code: "REPOSITORY_INVALID" });
    await rename(join(scene.home, "away"), join(scene.home, "volume"));
    await rm(join(scene.home, "volume/mer/w-1"), { recursive: true });
    expect(await scene.reclaim()).toEqual({ removed: true });
  });

  it("orcha-196: is ended where its home was moved to, without the directory and with it", async () => {
    const scene = await alone();
    await scene.prepare();
    const { path } = scene;
    const home = tempFolder();
    await rename(join(scene.home, "worktrees"), join(home, "worktrees"));
    const moved = sceneOf({ home, path: scene.repo });
    expect(await moved.reclaim(path)).toEqual({ removed: true });
    expect(await moved.reclaim(path)).toEqual({ removed: true });
    expect(await moved.reclaim("/")).toMatchObject({ removed: false });
  });

  it("is known in a repository that was moved and has left a link where it was", async () => {
    const scene = await alone();
    await scene.prepare();
    await rename(scene.repo, `${scene.repo}.moved`);
    await symlink(`${scene.repo}.moved`, scene.repo);
    expect(await scene.reclaim()).toEqual({ removed: true });
    await expectTidy(scene);
  });

  it("keeps the files that are left when its repository is gone, and says why (W8)", async () => {
    const scene = await alone();
    await scene.prepare();
    await writeFile(join(scene.path, "new"), "kept");
    await rename(scene.repo, `${scene.repo}.gone`);
    await expect(scene.reclaim()).rejects.toMatchObject({ code: "REPOSITORY_INVALID" });
    expect(await readFile(join(scene.path, "new"), "utf8")).toBe("kept");
    const trash = join(scene.home, "worktrees/mer/.trash-w-1.0123456789ab");
    await rename(scene.path, trash);
    await expect(scene.reclaim()).rejects.toMatchObject({ code: "REPOSITORY_INVALID" });
    expect(await readFile(join(trash, "new"), "utf8")).toBe("kept");
  });

  it("puts back a worktree whose removal was cut short before it was decided (W3)", async () => {
    const scene = await alone();
    await scene.prepare();
    const trash = join(scene.home, "worktrees/mer/.trash-w-1.0123456789ab");
    await rename(scene.path, trash);
    await writeFile(join(trash, "new"), "kept");
    expect(await scene.reclaim()).toEqual({ removed: true, preserved: REF });
    expect(await run(scene.repo, "show", `${REF}:new`)).toBe("kept");
    await expectTidy(scene);
  });
});

async function commitHere(path: string): Promise<string> {
  return commitFile(path, "a", "1");
}

async function beginMerge(path: string): Promise<void> {
  await run(path, "checkout", "--quiet", "-b", "side");
  await commitHere(path);
  await run(path, "push", "--quiet", "origin", "side");
  await run(path, "checkout", "--quiet", "ao/w-1");
  await run(path, "merge", "--quiet", "--no-ff", "--no-commit", "-s", "ours", "side");
}
