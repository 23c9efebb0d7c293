import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mirrors } from "../../../adapters/git/mirrors.ts";
import { collecting } from "../../../adapters/worktree/directories.ts";
import { reviewWorktrees } from "../../../adapters/worktree/review-worktrees.ts";
import { commitFile, run } from "../../support/repository.ts";
import { alone, type Scene } from "../../support/workspace.ts";

// What sessions and reviewers borrow from the person's repository outlives the hardest clean-up that git has.

const attempt = {
  effectId: "x#1.0",
  orderedAt: 0,
  attempt: 1,
  signal: new AbortController().signal,
};

const KEPT = "refs/ao/preserved/w-1";

/** No reflog holds anything any more, and nothing without a name stays. */
async function cleaned(repo: string): Promise<void> {
  await run(repo, "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all");
  await run(repo, "gc", "--quiet", "--prune=now");
}

async function compacted({ home, repo }: Scene): Promise<void> {
  const options = { home, nonce: () => "n", now: Date.now, isWanted: () => false };
  const cache = { mirrors: mirrors(home), isRegistered: () => true };
  await collecting({ ...options, ...cache }).compactRepository({ host: "local", repo }, attempt);
}

/** A commit that no branch leads to. */
async function nameless(repo: string): Promise<string> {
  await run(repo, "checkout", "--quiet", "-b", "topic");
  const sha = await commitFile(repo, "code", "let x = 1;\n");
  await run(repo, "checkout", "--quiet", "main");
  return sha;
}

describe("git gc --prune=now in the repository", () => {
  it("takes nothing that a reviewer looks at, though its branch is gone, until its checkout is (RP1, RP2)", async () => {
    const scene = await alone();
    const { home, repo } = scene;
    const sha = await nameless(repo);
    const base = await run(repo, "rev-parse", "main");
    const reviews = reviewWorktrees({ home });
    const of = { reviewer: "review-w-1", projectId: "demo" };
    const target = { runId: "r1", sha, headRef: "topic", baseRef: "main" };
    const data = { ...of, host: "local", epoch: 1, repo, targets: [target] };
    const [tree] = (await reviews.prepareReview(data, attempt)).trees;
    await run(repo, "branch", "--quiet", "-D", "topic");
    await compacted(scene);
    await cleaned(repo);
    const path = tree?.path ?? "";
    expect(await run(path, "fsck", "--full", "--connectivity-only", "--no-dangling")).toBe("");
    expect(await run(path, "diff", "--name-only", `${base}...HEAD`)).toBe("code");
    expect(await run(path, "show", "HEAD:code")).toBe("let x = 1;");

    await reviews.releaseReview(of, attempt);
    await compacted(scene);
    await cleaned(repo);
    expect(await run(repo, "for-each-ref", "refs/ao")).toBe("");
    await expect(run(repo, "cat-file", "-e", sha)).rejects.toThrow("cat-file");
  });

  it("takes nothing that a worker has: a commit on no branch, what is staged, and what was kept of them", async () => {
    const scene = await alone();
    const { repo, path } = scene;
    await scene.prepare();
    await run(path, "checkout", "--quiet", "--detach");
    const sha = await commitFile(path, "code", "let x = 2;\n");
    await writeFile(join(path, "staged"), "staged\n");
    await run(path, "add", "staged");
    await cleaned(repo);
    expect(await run(path, "rev-parse", "HEAD")).toBe(sha);
    expect(await run(path, "show", ":staged")).toBe("staged");

    expect(await scene.reclaim()).toMatchObject({ removed: true });
    await compacted(scene);
    await cleaned(repo);
    const kept = ["code", "staged"].map(async (file) => run(repo, "show", `${KEPT}:${file}`));
    expect(await Promise.all(kept)).toEqual(["let x = 2;", "staged"]);
  });
});
