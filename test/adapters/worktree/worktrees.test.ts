import { mkdir, readFile, readdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { FailureCode } from "../../../machines/failures.ts";
import { tempFolder } from "../../support/folder.ts";
import { commitFile, initRepository, repositoryWithOrigin, run } from "../../support/repository.ts";
import { alone, expectTidy, published, sceneOf, withSubmodule } from "../../support/workspace.ts";

describe("preparing a workspace", () => {
  it("orcha-268: makes a clean worktree on a new branch from the base", async () => {
    const scene = await published();
    const baseSha = await run(scene.repo, "rev-parse", "main");
    expect(await scene.prepare()).toEqual({
      path: scene.path,
      branch: "ao/w-1",
      headSha: baseSha,
      baseSha,
      adopted: false,
    });
    // The mark is in the git dir (W6).
    expect(await run(scene.path, "status", "--porcelain", "--ignored")).toBe("");
    await expectTidy(scene);
  });

  it("orcha-261: cuts from what origin has now, not from what was fetched last", async () => {
    const scene = await published();
    await run(scene.home, "clone", "--quiet", "origin.git", "other");
    const newer = await commitFile(join(scene.home, "other"), "a", "1");
    await run(join(scene.home, "other"), "push", "--quiet", "origin", "main");
    expect(await scene.prepare()).toMatchObject({ baseSha: newer, headSha: newer });
  });

  it("cuts from what was fetched last while origin is away", async () => {
    const scene = await published();
    const baseSha = await run(scene.repo, "rev-parse", "main");
    await rename(join(scene.home, "origin.git"), join(scene.home, "away.git"));
    expect(await scene.prepare()).toMatchObject({ baseSha });
  });

  it("adopts the worktree that is there, with the agent's work in it", async () => {
    const scene = await published();
    const { baseSha } = await scene.prepare();
    const headSha = await commitFile(scene.path, "a", "1");
    await writeFile(join(scene.path, "new"), "kept");
    expect(await scene.prepare()).toEqual({
      path: scene.path,
      branch: "ao/w-1",
      headSha,
      baseSha,
      adopted: true,
    });
    expect(await readFile(join(scene.path, "new"), "utf8")).toBe("kept");
    await expectTidy(scene);
  });

  it("goes on with a branch that exists, here or only on origin", async () => {
    const scene = await published();
    const [here, there] = [sceneOf({ home: tempFolder(), path: scene.repo }), scene];
    await run(scene.repo, "checkout", "--quiet", "-b", "ao/w-1");
    const headSha = await commitFile(scene.repo, "a", "1");
    await run(scene.repo, "push", "--quiet", "origin", "ao/w-1");
    await run(scene.repo, "checkout", "--quiet", "main");
    expect(await here.prepare()).toMatchObject({ headSha });
    expect(await here.reclaim()).toEqual({ removed: true });
    await run(scene.repo, "branch", "-D", "ao/w-1");
    expect(await there.prepare()).toMatchObject({ headSha });
  });

  it("works in a path with spaces and unicode", async () => {
    const scene = sceneOf(await repositoryWithOrigin("my repo – ünïcödé 仓库"));
    expect(await scene.prepare()).toMatchObject({ adopted: false });
    expect(await scene.prepare()).toMatchObject({ adopted: true });
    expect(await scene.reclaim()).toEqual({ removed: true });
    await expectTidy(scene);
  });

  it("works from a detached head", async () => {
    const scene = await alone();
    await run(scene.repo, "checkout", "--quiet", "--detach");
    expect(await scene.prepare()).toMatchObject({ branch: "ao/w-1" });
  });

  it("works from a shallow clone", async () => {
    const { home, path, origin } = await repositoryWithOrigin();
    await commitFile(path, "a", "1");
    await run(path, "push", "--quiet", "origin", "main");
    await run(home, "clone", "--quiet", "--depth=1", `file://${origin}`, "shallow");
    const scene = sceneOf({ home, path: join(home, "shallow") });
    expect(await scene.prepare()).toMatchObject({ baseSha: await run(path, "rev-parse", "main") });
    expect(await scene.reclaim()).toEqual({ removed: true });
  });

  it("orcha-269: fills submodules once, leaves them alone when it adopts, and stays on its branch", async () => {
    const scene = await withSubmodule();
    await scene.prepare();
    expect(await readFile(join(scene.path, "lib/README"), "utf8")).toBe("first\n");
    const moved = await commitFile(join(scene.path, "lib"), "a", "1");
    await scene.prepare();
    expect(await run(join(scene.path, "lib"), "rev-parse", "HEAD")).toBe(moved);
    expect(await run(scene.path, "branch", "--show-current")).toBe("ao/w-1");
  });

  it.each([
    {
      title: "an index that is locked by the person",
      branch: "ao/w-1",
      code: undefined,
      mess: lockMainIndex,
    },
    {
      title: "a branch checked out elsewhere",
      branch: "taken",
      code: "BRANCH_CHECKED_OUT",
      mess: takeBranch,
    },
    {
      title: "a name that no branch can have",
      branch: "a..b",
      code: "BRANCH_INVALID",
      mess: nothing,
    },
    { title: "a name that looks like a flag", branch: "-d", code: "BRANCH_INVALID", mess: nothing },
    {
      title: "the name of what is checked out",
      branch: "HEAD",
      code: "BRANCH_INVALID",
      mess: nothing,
    },
    { title: "its short form", branch: "@", code: "BRANCH_INVALID", mess: nothing },
    { title: "a whole ref", branch: "refs/heads/x", code: "BRANCH_INVALID", mess: nothing },
    {
      title: "a name below an existing branch",
      branch: "main/x",
      code: "BRANCH_INVALID",
      mess: nothing,
    },
    { title: "no commits at all", branch: "ao/w-1", code: "REPOSITORY_EMPTY", mess: forgetCommits },
    {
      title: "a repository that is gone",
      branch: "ao/w-1",
      code: "REPOSITORY_INVALID",
      mess: removeRepository,
    },
    {
      title: "its branch locked by a running git",
      branch: "ao/w-1",
      code: "REPOSITORY_LOCKED",
      mess: lockBranch,
    },
  ] satisfies {
    title: string;
    branch: string;
    code: FailureCode | undefined;
    mess: (repo: string) => Promise<unknown>;
  }[])("answers $title with $code", async ({ branch, code, mess }) => {
    const scene = await alone();
    await mess(scene.repo);
    const answer = scene.prepare({ branch }).then(
      () => undefined,
      (error: { code: string }) => error.code,
    );
    expect(await answer).toBe(code);
  });

  it("orcha-265: says which base is unknown", async () => {
    const scene = await alone();
    await expect(scene.prepare({ baseRef: "nope" })).rejects.toMatchObject({
      code: "BRANCH_UNKNOWN",
    });
  });

  it("drops the lock on its branch that a killed git left", async () => {
    const scene = await alone();
    await lockBranch(scene.repo);
    await utimes(join(scene.repo, ".git/refs/heads/ao/w-1.lock"), 1, 1);
    expect(await scene.prepare()).toMatchObject({ adopted: false });
  });

  it.each([
    {
      title: "a folder with files",
      put: (path: string) => mkdir(join(path, "sub"), { recursive: true }),
    },
    { title: "a link to a folder", put: (path: string) => symlink(tempFolder(), path) },
    { title: "another repository", put: (path: string) => initRepository(path) },
    {
      title: "a worktree that a person made",
      put: (path: string) =>
        run(join(path, "../../../repo"), "worktree", "add", "--quiet", "--detach", path),
    },
  ])("touches nothing when $title stands at the place (W2)", async ({ put }) => {
    const scene = await alone();
    await mkdir(join(scene.home, "worktrees/mer"), { recursive: true });
    await put(scene.path);
    const before = await readdir(scene.path);
    await expect(scene.prepare()).rejects.toMatchObject({ code: "WORKSPACE_FOREIGN" });
    expect(await scene.reclaim()).toMatchObject({ removed: false, reason: "unknown" });
    expect(await readdir(scene.path)).toEqual(before);
  });
});

describe("repairing a workspace (W3)", () => {
  it("makes it anew when its folder is gone but git still knows it, locked or not", async () => {
    const scene = await alone();
    await scene.prepare();
    await run(scene.repo, "worktree", "lock", scene.path);
    await rm(scene.path, { recursive: true });
    expect(await scene.prepare()).toMatchObject({ adopted: false });
    await expectTidy(scene);
  });

  it("keeps the files when git has forgotten the folder", async () => {
    const scene = await alone();
    await scene.prepare();
    await writeFile(join(scene.path, "new"), "kept");
    await rm(join(scene.repo, ".git/worktrees"), { recursive: true });
    expect(await scene.prepare()).toMatchObject({ adopted: true });
    expect(await run(scene.path, "status", "--porcelain")).toBe("?? new");
    await expectTidy(scene);
  });

  it("G10, orcha-352: undoes a worktree that was being made, even a locked one without HEAD", async () => {
    const scene = await alone();
    const half = join(scene.home, "worktrees/mer/.making/w-1.0123456789ab");
    await run(scene.repo, "worktree", "add", "--quiet", "-b", "ao/w-1", half);
    const gitDir = join(scene.repo, ".git/worktrees/w-1.0123456789ab");
    await writeFile(join(gitDir, "locked"), "initializing");
    await writeFile(join(gitDir, "index.lock"), "");
    expect(await scene.prepare()).toMatchObject({ adopted: false });
    await expectTidy(scene);
  });

  it("takes a removal back that was cut short before it was decided", async () => {
    const scene = await alone();
    await scene.prepare();
    await writeFile(join(scene.path, "new"), "kept");
    await rename(scene.path, join(scene.home, "worktrees/mer/.trash-w-1.0123456789ab"));
    expect(await scene.prepare()).toMatchObject({ adopted: true });
    expect(await readFile(join(scene.path, "new"), "utf8")).toBe("kept");
    await expectTidy(scene);
  });

  it("keeps the git dir that it had just given to a forgotten folder", async () => {
    const scene = await alone();
    await scene.prepare();
    const [name = ""] = await readdir(join(scene.repo, ".git/worktrees"));
    await mkdir(join(scene.home, "worktrees/mer/.making", name));
    expect(await scene.prepare()).toMatchObject({ adopted: true });
    expect(await readdir(join(scene.repo, ".git/worktrees"))).toEqual([name]);
    await expectTidy(scene);
  });

  it("leaves what is being made for another workspace alone", async () => {
    const scene = await alone();
    const other = join(scene.home, "worktrees/mer/.making/w-10.0123456789ab");
    await run(scene.repo, "worktree", "add", "--quiet", "-b", "other", other);
    await scene.prepare();
    expect(await readdir(other)).toContain("README");
  });
});

async function nothing(): Promise<void> {}

async function lockMainIndex(repo: string): Promise<void> {
  await writeFile(join(repo, ".git/index.lock"), "");
}

async function lockBranch(repo: string): Promise<void> {
  await mkdir(join(repo, ".git/refs/heads/ao"));
  await writeFile(join(repo, ".git/refs/heads/ao/w-1.lock"), "");
}

async function takeBranch(repo: string): Promise<void> {
  await run(repo, "worktree", "add", "--quiet", "-b", "taken", join(repo, "../taken"));
}

async function forgetCommits(repo: string): Promise<void> {
  await rm(repo, { recursive: true });
  await initRepository(repo);
}

async function removeRepository(repo: string): Promise<void> {
  await rm(repo, { recursive: true });
}
