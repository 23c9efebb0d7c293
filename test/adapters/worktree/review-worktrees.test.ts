import { existsSync } from "node:fs";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { hasProgram } from "../../../adapters/agent/reviewer-programs.ts";
import { reviewWorktrees } from "../../../adapters/worktree/review-worktrees.ts";
import type { EffectResult } from "../../../machines/effects.ts";
import {
  commitFile,
  repositoryAlone,
  repositoryWithOrigin,
  run,
  type TestRepository,
} from "../../support/repository.ts";

const attempt = {
  effectId: "x#1.0",
  orderedAt: 0,
  attempt: 1,
  signal: new AbortController().signal,
};

type Trees = EffectResult<"prepareReview">["trees"];

interface Scene {
  readonly repository: TestRepository;
  readonly base: string;
  readonly head: string;
  prepare(epoch: number, ...shas: readonly string[]): Promise<Trees>;
  isPinned(path: string, sha: string): Promise<boolean | null | undefined>;
  release(): Promise<unknown>;
}

/** A repository with a branch that is one commit ahead of main. */
async function sceneOf(repository: TestRepository): Promise<Scene> {
  const { path, home } = repository;
  const base = await run(path, "rev-parse", "main");
  await run(path, "checkout", "--quiet", "-b", "topic");
  const head = await commitFile(path, "code", "let x = 1;\n");
  const trees = reviewWorktrees({ home });
  const of = { reviewer: "review-w-1", projectId: "demo" };
  return {
    repository,
    base,
    head,
    async prepare(epoch, ...shas) {
      const targets = shas.map((sha, n) => ({
        runId: `r${n + 1}`,
        sha,
        headRef: "topic",
        baseRef: "main",
      }));
      const data = { ...of, host: "local", epoch, repo: path, targets };
      return (await trees.prepareReview(data, attempt)).trees;
    },
    async isPinned(tree, sha) {
      const asked = { runId: "r1", path: tree, sha };
      const data = { ...of, epoch: 1, deliveryId: "d", trees: [asked] };
      return (await trees.verifyReview(data, attempt)).trees[0]?.isPinned;
    },
    release: async () => trees.releaseReview(of, attempt),
  };
}

async function only(trees: Promise<Trees>): Promise<Trees[number]> {
  const [tree] = await trees;
  if (tree === undefined) throw new Error("nothing was prepared");
  return tree;
}

describe("the worktree of a reviewer", () => {
  it("F27 is its target commit, detached and clean, whatever the worker does meanwhile (RW1)", async () => {
    const scene = await sceneOf(await repositoryAlone());
    await writeFile(join(scene.repository.path, "dirty"), "not yet");
    const tree = await only(scene.prepare(1, scene.head));
    await commitFile(scene.repository.path, "code", "let x = 2;\n");
    expect(tree).toMatchObject({ isPinned: true, baseSha: scene.base });
    expect(await run(tree.path, "rev-parse", "HEAD")).toBe(scene.head);
    expect(await run(tree.path, "status", "--porcelain")).toBe("");
    expect(await run(tree.path, "branch", "--show-current")).toBe("");
    expect(await run(tree.path, "diff", "--stat", "origin/main...HEAD")).toContain("code");
    expect(await scene.isPinned(tree.path, scene.head)).toBe(true);
  });

  it("takes no commit, no branch and no push, and has nowhere to push to (RW2)", async () => {
    const scene = await sceneOf(await repositoryWithOrigin());
    const { path } = await only(scene.prepare(1, scene.head));
    // Root may write where nobody may: the refusals must hold without permissions, too.
    await execa("chmod", ["-R", "u+w", path]);
    await writeFile(join(path, "code"), "evil");
    const refs = await run(scene.repository.path, "for-each-ref");
    const env = {
      GIT_ALLOW_PROTOCOL: "none",
      GIT_AUTHOR_NAME: "x",
      GIT_AUTHOR_EMAIL: "x@y",
      GIT_COMMITTER_NAME: "x",
      GIT_COMMITTER_EMAIL: "x@y",
    };
    const tries = [
      ["commit", "-qam", "evil"],
      ["commit", "--no-verify", "-qam", "evil"],
      ["branch", "evil"],
      ["push"],
      ["push", scene.repository.path, "HEAD:refs/heads/evil"],
      ["push", "--no-verify", scene.repository.origin, "HEAD:refs/heads/evil"],
    ];
    for (const args of tries) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { exitCode } = await execa("git", args, { cwd: path, env, reject: false });
      expect([args.join(" "), exitCode === 0]).toEqual([args.join(" "), false]);
    }
    expect(await run(path, "remote")).toBe("");
    expect(await run(path, "rev-parse", "HEAD")).toBe(scene.head);
    expect(await run(scene.repository.path, "for-each-ref")).toBe(refs);
    expect(await scene.isPinned(path, scene.head)).toBe(false);
  });

  it("is read-only for everybody who is bound by permissions (RW1)", async () => {
    const scene = await sceneOf(await repositoryAlone());
    const { path } = await only(scene.prepare(1, scene.head));
    const { stdout } = await execa("find", [path, "-not", "-type", "l", "-perm", "/222"]);
    expect(stdout).toBe("");
  });

  it("is adopted when it is made again, and made anew when a kill left half of it (RW3)", async () => {
    const scene = await sceneOf(await repositoryAlone());
    const first = await only(scene.prepare(1, scene.head));
    expect(await only(scene.prepare(1, scene.head))).toEqual(first);
    await execa("chmod", ["-R", "u+w", first.path]);
    await execa("mv", [first.path, `${first.path}.making`]);
    expect(await only(scene.prepare(1, scene.head))).toEqual(first);
    expect(await readdir(join(first.path, ".."))).toEqual(["r1"]);
  });

  it("orcha-188: goes with its epoch, and with its reviewer (RW4)", async () => {
    const scene = await sceneOf(await repositoryAlone());
    const old = await only(scene.prepare(1, scene.head));
    const trees = await scene.prepare(2, scene.head, scene.base);
    expect(trees.map(({ path }) => existsSync(path))).toEqual([true, true]);
    expect(existsSync(old.path)).toBe(false);
    await scene.release();
    expect(trees.map(({ path }) => existsSync(path))).toEqual([false, false]);
    await scene.release();
  });

  it("orcha-262: fetches a commit that only origin has", async () => {
    const scene = await sceneOf(await repositoryWithOrigin());
    const { home, origin } = scene.repository;
    await run(home, "clone", "--quiet", origin, "other");
    await run(join(home, "other"), "checkout", "--quiet", "-b", "theirs");
    const theirs = await commitFile(join(home, "other"), "code", "let y = 1;\n");
    await run(join(home, "other"), "push", "--quiet", "origin", "HEAD:topic");
    const tree = await only(scene.prepare(1, theirs));
    expect(tree.isPinned).toBe(true);
    expect(await run(tree.path, "rev-parse", "HEAD")).toBe(theirs);
  });

  it("shows the base, and says so, when the commit is nowhere (RW5)", async () => {
    const scene = await sceneOf(await repositoryAlone());
    const tree = await only(scene.prepare(1, "f".repeat(40)));
    expect(tree).toMatchObject({ isPinned: false, baseSha: scene.base });
    expect(await run(tree.path, "rev-parse", "HEAD")).toBe(scene.base);
    expect((await only(scene.prepare(2, "not-a-commit"))).isPinned).toBe(false);
  });

  it("says nothing once it is gone", async () => {
    const scene = await sceneOf(await repositoryAlone());
    const { path } = await only(scene.prepare(1, scene.head));
    await scene.release();
    expect(await scene.isPinned(path, scene.head)).toBeNull();
  });
});

it("R238 finds a program on a PATH, or where it is named, and no folder or text in its place", async () => {
  const { home } = await repositoryAlone();
  const file = join(home, "reviewer");
  await writeFile(file, "#!/bin/sh\n");
  expect(await hasProgram("reviewer", home)).toBe(false);
  await chmod(file, 0o755);
  expect(await hasProgram("reviewer", `/nowhere:${home}`)).toBe(true);
  expect(await hasProgram(file, "")).toBe(true);
  expect(await hasProgram(home, "")).toBe(false);
  expect(await hasProgram("./in-the-worktree", "")).toBe(true);
});
