import { mkdir, realpath, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { checkBranchIsFree } from "../../../adapters/worktree/branch-name.ts";
import { git, tryGit } from "../../../adapters/git/git.ts";
import { gitFailure, withoutPasswords } from "../../../adapters/git/failures.ts";
import { workspaceFacts } from "../../../adapters/git/facts.ts";
import { inspectRepository } from "../../../adapters/git/repository.ts";
import { usedNumbers } from "../../../adapters/worktree/used-names.ts";
import type { FailureCode } from "../../../machines/failures.ts";
import { tempFolder } from "../../support/folder.ts";
import {
  commitFile,
  initRepository,
  repositoryAlone,
  repositoryWithOrigin,
  run,
} from "../../support/repository.ts";

// `expect.stringContaining` is typed as any.
function containing(text: string): unknown {
  return expect.stringContaining(text);
}

describe("git", () => {
  it("runs no hook, asks nothing and takes no optional lock (G1, G2)", async () => {
    const { path, home } = await repositoryWithOrigin();
    const trap = join(home, "ran");
    await writeFile(join(path, ".git/hooks/pre-push"), `#!/bin/sh\ntouch '${trap}'\nexit 1\n`, {
      mode: 0o755,
    });
    await commitFile(path, "a", "1");
    await git(["push", "--quiet", "origin", "main"], { cwd: path });
    await expect(realpath(trap)).rejects.toThrow("ENOENT");
    // A plain `git status` would write the index anew after this.
    await utimes(join(path, "README"), 1, 1);
    const { ino } = await stat(join(path, ".git/index"));
    expect(await workspaceFacts(path)).toMatchObject({ dirty: false });
    expect(await stat(join(path, ".git/index"))).toMatchObject({ ino });
  });

  it("does not inherit variables that point at another repository (G3)", async () => {
    const { path } = await repositoryAlone();
    vi.stubEnv("GIT_DIR", "/nowhere");
    vi.stubEnv("GIT_INDEX_FILE", "/nowhere/index");
    expect(await git(["rev-parse", "--git-dir"], { cwd: path })).toBe(".git");
  });

  it.each([
    { title: "its caller's signal", call: () => ({ signal: AbortSignal.abort() }) },
    { title: "its own deadline", call: () => ({ timeoutMs: 50 }) },
  ])("ends a command with $title (G4)", async ({ call }) => {
    const { path } = await repositoryAlone();
    await run(path, "config", "alias.hang", "!sleep 60");
    await expect(tryGit(["hang"], { cwd: path, ...call() })).rejects.toMatchObject({
      code: "DEADLINE_PASSED",
    });
  });

  it("says that git is missing, not the folder, when there is no git", async () => {
    const cwd = tempFolder();
    vi.stubEnv("PATH", cwd);
    await expect(git(["version"], { cwd })).rejects.toMatchObject({ code: "PROGRAM_MISSING" });
  });

  it("says that the index is locked, and that trying again may help", async () => {
    const { path } = await repositoryAlone();
    await writeFile(join(path, ".git/index.lock"), "");
    await expect(git(["add", "--all"], { cwd: path })).rejects.toMatchObject({
      code: "REPOSITORY_LOCKED",
      isRetryable: true,
      message: containing("index.lock"),
    });
  });

  it("says that origin cannot be reached, and that trying again may help", async () => {
    const { path, home } = await repositoryWithOrigin();
    await run(path, "remote", "set-url", "origin", join(home, "gone.git"));
    await expect(git(["fetch", "origin"], { cwd: path })).rejects.toMatchObject({
      code: "REMOTE_UNREACHABLE",
      isRetryable: true,
    });
  });

  it.each([
    { stderr: "fatal: 'x' is already checked out at '/w'", code: "BRANCH_CHECKED_OUT" },
    { stderr: "fatal: 'x' is already used by worktree at '/w'", code: "BRANCH_CHECKED_OUT" },
    { stderr: "fatal: 'a..b' is not a valid branch name", code: "BRANCH_INVALID" },
    {
      stderr: "cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create",
      code: "BRANCH_INVALID",
    },
    { stderr: "fatal: invalid reference: nope", code: "BRANCH_UNKNOWN" },
    {
      stderr: "fatal: detected dubious ownership in repository at '/r'",
      code: "REPOSITORY_INVALID",
    },
    {
      stderr: "error: could not lock config file .git/config: File exists",
      code: "REPOSITORY_LOCKED",
    },
    {
      stderr: "error: cannot lock ref 'refs/remotes/origin/main': is at 1a but expected 2b",
      code: "REPOSITORY_LOCKED",
    },
    {
      stderr: "error: cannot lock ref 'refs/remotes/origin/x': reference already exists",
      code: "REPOSITORY_LOCKED",
    },
    { stderr: "error: bad tree object", code: "GIT_FAILED" },
    { stderr: "", code: "GIT_FAILED" },
  ] satisfies { stderr: string; code: FailureCode }[])(
    "takes $stderr for $code",
    ({ stderr, code }) => {
      expect(gitFailure("try", 128, stderr).code).toBe(code);
    },
  );

  it("never repeats the password of a URL", () => {
    expect(withoutPasswords("fetch https://me:secret@host/x and ssh://git@host/y")).toBe(
      "fetch https://host/x and ssh://host/y",
    );
  });
});

describe("inspecting a repository", () => {
  it("finds root, default branch, origin and head", async () => {
    const { path, origin } = await repositoryWithOrigin();
    const headSha = await run(path, "rev-parse", "HEAD");
    expect(await inspectRepository(path)).toEqual({
      root: path,
      defaultBranch: "main",
      origin,
      headSha,
    });
  });

  it("finds the same root from a subfolder, a worktree and a path with spaces and unicode", async () => {
    const { path, home } = await repositoryAlone("my repo – ünïcödé 仓库");
    await mkdir(join(path, "deep er/ß"), { recursive: true });
    await run(path, "worktree", "add", "--quiet", "-b", "side", join(home, "other tree"));
    await symlink(path, join(home, "link"));
    const roots = ["deep er/ß", "../other tree", "../link"].map(async (sub) => {
      const { root, defaultBranch } = await inspectRepository(join(path, sub));
      return [root, defaultBranch];
    });
    expect(await Promise.all(roots)).toEqual(Array.from({ length: 3 }, () => [path, "main"]));
  });

  it("prefers the default branch that origin names over the one checked out", async () => {
    const { path } = await repositoryWithOrigin();
    await run(path, "remote", "set-head", "origin", "main");
    await run(path, "checkout", "--quiet", "-b", "feature");
    expect(await inspectRepository(path)).toMatchObject({ defaultBranch: "main" });
  });

  it("finds the default branch of a detached head when a usual one exists", async () => {
    const { path } = await repositoryAlone();
    await run(path, "checkout", "--quiet", "--detach");
    expect(await inspectRepository(path)).toMatchObject({ defaultBranch: "main" });
  });

  it("asks which one on a detached head with nothing to go by, and takes the answer", async () => {
    const { path } = await repositoryAlone();
    await run(path, "branch", "-m", "one");
    await run(path, "branch", "two");
    await run(path, "checkout", "--quiet", "--detach");
    await expect(inspectRepository(path)).rejects.toMatchObject({
      code: "BRANCH_UNKNOWN",
      message: containing("say which it is: --branch, or defaultBranch"),
    });
    expect(await inspectRepository(path, { defaultBranch: "two" })).toMatchObject({
      defaultBranch: "two",
    });
    await expect(inspectRepository(path, { defaultBranch: "three" })).rejects.toMatchObject({
      code: "BRANCH_UNKNOWN",
    });
  });

  it("takes a submodule for a repository of its own, and its parent as well", async () => {
    const inner = await repositoryAlone();
    const outer = await repositoryAlone();
    await run(outer.path, "submodule", "--quiet", "add", inner.path, "lib");
    await run(outer.path, "commit", "--quiet", "-m", "add lib");
    expect(await inspectRepository(join(outer.path, "lib"))).toMatchObject({
      root: join(outer.path, "lib"),
    });
    expect(await inspectRepository(outer.path)).toMatchObject({ root: outer.path });
  });

  it("tells the numbers that sessions of a project have used in it, and of no other", async () => {
    const { path } = await repositoryWithOrigin();
    expect(await usedNumbers(path, "app")).toEqual({ lastSession: 0, lastObjective: 0 });
    const head = await run(path, "rev-parse", "HEAD");
    const refs = ["heads/ao/app-2", "heads/ao/app-11/fix", "heads/ao/app-90-1", "heads/app-90"];
    const kept = ["ao/preserved/app-o3-w12", "remotes/origin/ao/app-o4-m1", "heads/ao/app-x-80"];
    for (const ref of [...refs, ...kept]) await run(path, "update-ref", `refs/${ref}`, head);
    expect(await usedNumbers(path, "app")).toEqual({ lastSession: 11, lastObjective: 4 });
    expect(await usedNumbers(path, "app-x")).toEqual({ lastSession: 80, lastObjective: 0 });
    await run(path, "update-ref", "refs/ao/preserved/app-12", head);
    expect(await usedNumbers(path, "app")).toMatchObject({ lastSession: 12 });
  });

  it("says who works on a branch, and what cannot be one", async () => {
    const { path, home } = await repositoryAlone();
    await run(path, "worktree", "add", "--quiet", "-b", "side", join(home, "other tree"));
    await run(path, "branch", "free");
    for (const branch of ["free", "new"]) await checkBranchIsFree(path, branch);
    for (const [branch, at] of [
      ["main", path],
      ["side", join(home, "other tree")],
    ]) {
      await expect(checkBranchIsFree(path, branch ?? "")).rejects.toMatchObject({
        code: "BRANCH_CHECKED_OUT",
        message: containing(`checked out at ${at}`),
      });
    }
    for (const branch of ["bad..name", "-x", "HEAD", "@", "refs/heads/x", "a b"]) {
      await expect(checkBranchIsFree(path, branch)).rejects.toMatchObject({
        code: "BRANCH_INVALID",
      });
    }
  });

  it("takes a shallow clone", async () => {
    const { path, home, origin } = await repositoryWithOrigin();
    await commitFile(path, "a", "1");
    await run(path, "push", "--quiet", "origin", "main");
    await run(home, "clone", "--quiet", "--depth=1", `file://${origin}`, "shallow");
    const headSha = await run(path, "rev-parse", "HEAD");
    expect(await inspectRepository(join(home, "shallow"))).toMatchObject({
      defaultBranch: "main",
      headSha,
    });
  });

  it.each([
    { title: "a missing folder", at: "gone", code: "REPOSITORY_INVALID", says: "no such folder" },
    { title: "a file", at: "file", code: "REPOSITORY_INVALID", says: "no such folder" },
    {
      title: "a folder that is no repository",
      at: "plain",
      code: "REPOSITORY_INVALID",
      says: "it lies in no git repository",
    },
    { title: "a bare repository", at: "origin.git", code: "REPOSITORY_INVALID", says: "bare" },
    {
      title: "a worktree of a bare repository",
      at: "of-bare",
      code: "REPOSITORY_INVALID",
      says: "bare",
    },
    {
      title: "git's own folder",
      at: "repo/.git",
      code: "REPOSITORY_INVALID",
      says: "git's own folder",
    },
    {
      title: "a repository without commits",
      at: "empty",
      code: "REPOSITORY_EMPTY",
      says: "no commits",
    },
  ] satisfies { title: string; at: string; code: FailureCode; says: string }[])(
    "says clearly that $title cannot be used",
    async ({ at, code, says }) => {
      const { home, origin } = await repositoryWithOrigin();
      await writeFile(join(home, "file"), "");
      await mkdir(join(home, "plain"));
      await initRepository(join(home, "empty"));
      await run(origin, "worktree", "add", "--quiet", join(home, "of-bare"), "main");
      await expect(inspectRepository(join(home, at))).rejects.toMatchObject({
        code,
        message: containing(says),
      });
    },
  );
});

describe("the facts of a worktree", () => {
  it("tell a clean and published worktree", async () => {
    const { path } = await repositoryWithOrigin();
    const headSha = await run(path, "rev-parse", "HEAD");
    expect(await workspaceFacts(path)).toEqual({
      headSha,
      branch: "main",
      dirty: false,
      unpushed: 0,
    });
  });

  it.each([
    {
      title: "a new file",
      change: (path: string) => writeFile(join(path, "new"), ""),
      dirty: true,
    },
    {
      title: "a changed file",
      change: (path: string) => writeFile(join(path, "README"), "2"),
      dirty: true,
    },
    {
      title: "a moved file",
      change: (path: string) => run(path, "mv", "README", "a b"),
      dirty: true,
    },
    {
      title: "an ignored file",
      change: async (path: string) => {
        await writeFile(join(path, ".git/info/exclude"), "ignored");
        await writeFile(join(path, "ignored"), "");
      },
      dirty: false,
    },
  ])("call a worktree with $title dirty: $dirty", async ({ change, dirty }) => {
    const { path } = await repositoryAlone();
    await change(path);
    expect(await workspaceFacts(path)).toMatchObject({ dirty });
  });

  it("count the commits that are on no branch of origin", async () => {
    const { path } = await repositoryWithOrigin();
    await run(path, "checkout", "--quiet", "-b", "work");
    await commitFile(path, "a", "1");
    await commitFile(path, "b", "1");
    expect(await workspaceFacts(path)).toMatchObject({ branch: "work", unpushed: 2 });
    await run(path, "push", "--quiet", "origin", "work");
    expect(await workspaceFacts(path)).toMatchObject({ unpushed: 0 });
  });

  it("count, without an origin, the commits that are on no branch here", async () => {
    const { path } = await repositoryAlone();
    await run(path, "checkout", "--quiet", "--detach");
    await commitFile(path, "a", "1");
    expect(await workspaceFacts(path)).toMatchObject({ branch: null, unpushed: 1 });
    await run(path, "branch", "kept");
    expect(await workspaceFacts(path)).toMatchObject({ branch: null, unpushed: 0 });
  });

  it("tell that there is no commit yet", async () => {
    const path = tempFolder();
    await initRepository(path);
    expect(await workspaceFacts(path)).toEqual({
      headSha: null,
      branch: "main",
      dirty: false,
      unpushed: 0,
    });
  });
});
