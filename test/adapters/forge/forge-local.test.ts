import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, describe, it, vi } from "vitest";
import { checkPublished, localForge } from "../../../adapters/forge/local.ts";
import type { EffectData } from "../../../machines/effects.ts";
import {
  commitFile,
  repositoryAlone,
  repositoryWithOrigin,
  run,
} from "../../support/repository.ts";

const attempt = {
  effectId: "forge/mer#1.0",
  orderedAt: 0,
  attempt: 1,
  signal: new AbortController().signal,
};
const forge = localForge();

function containing(text: string): unknown {
  return expect.stringContaining(text);
}

/** A pull request of branch `work`, which has one commit and is published where the repository publishes. */
async function pullIn(repo: string, push: boolean): Promise<EffectData<"mergePullRequest">> {
  await run(repo, "checkout", "--quiet", "-b", "work");
  const headSha = await commitFile(repo, "work file", "1\n");
  if (push) await run(repo, "push", "--quiet", "origin", "work");
  await run(repo, "checkout", "--quiet", "main");
  return {
    repo,
    projectId: "mer",
    number: 7,
    title: "Work",
    headRef: "work",
    headSha,
    baseRef: "main",
  };
}

async function withOrigin() {
  const { path, home, origin } = await repositoryWithOrigin();
  return { path, home, origin, pull: await pullIn(path, true) };
}

async function withoutOrigin() {
  const { path, home } = await repositoryAlone();
  return { path, home, pull: await pullIn(path, false) };
}

/** Someone else's clone of origin, where another commit can be pushed from. */
async function pushFromElsewhere(home: string, file: string, text: string): Promise<string> {
  await run(home, "clone", "--quiet", "origin.git", "elsewhere");
  const sha = await commitFile(join(home, "elsewhere"), file, text);
  await run(join(home, "elsewhere"), "push", "--quiet", "origin", "main");
  return sha;
}

describe("a branch of a pull request", () => {
  it("is there when origin has it, pushed from wherever, and not before (F1)", async () => {
    const { path, home } = await withOrigin();
    await run(path, "branch", "mine");
    await run(path, "update-ref", "refs/remotes/origin/stale", "main");
    await pushFromElsewhere(home, "theirs", "");
    await run(join(home, "elsewhere"), "push", "--quiet", "origin", "HEAD:theirs", "HEAD:a/work");
    const call = { cwd: path };
    await checkPublished(["main", "work", "theirs"], call);
    for (const branch of ["mine", "stale", "wor", "a", "refs/heads/work", "w*", "a\nb", ""]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect(checkPublished(["main", branch], call)).rejects.toMatchObject({
        code: "BRANCH_UNKNOWN",
        message: containing(`publish it with: git push -u origin ${branch}`),
      });
    }
    await run(path, "remote", "set-url", "origin", join(home, "nowhere.git"));
    await expect(checkPublished(["main"], call)).rejects.toMatchObject({
      code: "REMOTE_UNREACHABLE",
    });
  });

  it("is there when the repository has it, if it has no origin (F1)", async () => {
    const { path } = await withoutOrigin();
    await checkPublished(["main", "work"], { cwd: path });
    await expect(checkPublished(["work", "gone"], { cwd: path })).rejects.toMatchObject({
      code: "BRANCH_UNKNOWN",
      message: containing("make it with: git branch gone"),
    });
  });
});

describe("inspecting branches", () => {
  it("reads them from origin's, not from branches that were not pushed (F1)", async () => {
    const { path, pull } = await withOrigin();
    const baseSha = await run(path, "rev-parse", "main");
    await run(path, "checkout", "--quiet", "work");
    await commitFile(path, "later", "");
    const asked = { repo: path, pulls: [{ number: 7, headRef: "work", baseRef: "main" }] };
    expect(await forge.inspectBranches(asked, attempt)).toEqual({
      pulls: [{ number: 7, headSha: pull.headSha, baseSha, mergeable: true, contained: false }],
    });
    await run(path, "push", "--quiet", "origin", "work");
    const headSha = await run(path, "rev-parse", "work");
    expect(await forge.inspectBranches(asked, attempt)).toMatchObject({ pulls: [{ headSha }] });
  });

  it("tells conflicts, unrelated histories, missing branches and what is merged already", async () => {
    const { path } = await withoutOrigin();
    await run(path, "branch", "merged");
    await run(path, "checkout", "--quiet", "-b", "conflict");
    await commitFile(path, "README", "theirs\n");
    await run(path, "checkout", "--quiet", "--orphan", "unrelated");
    await commitFile(path, "README", "unrelated\n");
    await run(path, "checkout", "--quiet", "main");
    await commitFile(path, "README", "ours\n");
    const heads = ["work", "conflict", "unrelated", "gone", "merged"];
    const pulls = heads.map((headRef, number) => ({ number, headRef, baseRef: "main" }));
    const answer = await forge.inspectBranches({ repo: path, pulls }, attempt);
    expect(answer.pulls.map(({ mergeable, contained }) => ({ mergeable, contained }))).toEqual([
      { mergeable: true, contained: false },
      { mergeable: false, contained: false },
      { mergeable: false, contained: false },
      { mergeable: null, contained: false },
      { mergeable: true, contained: true },
    ]);
  });
});

describe("merging on origin", () => {
  it("publishes a merge commit that names the pull request", async () => {
    const { path, origin, pull } = await withOrigin();
    const base = await run(path, "rev-parse", "main");
    const { mergeSha, repeated } = await forge.mergePullRequest(pull, attempt);
    expect(repeated).toBe(false);
    expect(await run(origin, "log", "-1", "--format=%H %P%n%B", "main")).toBe(
      `${mergeSha} ${base} ${pull.headSha}\nMerge pull request #7: Work\n\nAo-Pull-Request: mer#7\n`,
    );
    expect(await run(path, "rev-parse", "origin/main")).toBe(mergeSha);
    expect(await run(origin, "show", "main:work file")).toBe("1");
  });

  it("is done once, even when the base has moved on and the branch is gone (F2)", async () => {
    const { path, home, origin, pull } = await withOrigin();
    const { mergeSha } = await forge.mergePullRequest(pull, attempt);
    await pushFromElsewhere(home, "later", "");
    await run(origin, "branch", "-D", "work");
    await run(path, "update-ref", "-d", "refs/remotes/origin/work");
    expect(await forge.mergePullRequest(pull, attempt)).toEqual({ mergeSha, repeated: true });
  });

  it("makes one line of a title", async () => {
    const { origin, pull } = await withOrigin();
    await forge.mergePullRequest({ ...pull, title: " a\n\n\tb " }, attempt);
    expect(await run(origin, "log", "-1", "--format=%s", "main")).toBe(
      "Merge pull request #7: a b",
    );
  });

  it("does not take a merge that an agent made for its own, whatever it says (F2)", async () => {
    const { path, pull } = await withoutOrigin();
    await run(path, "checkout", "--quiet", "-b", "other");
    await commitFile(path, "other", "");
    await run(path, "checkout", "--quiet", "work");
    await run(path, "merge", "--quiet", "--no-ff", "-m", "x\n\nAo-Pull-Request: mer#8", "other");
    await run(path, "checkout", "--quiet", "main");
    const headSha = await run(path, "rev-parse", "work");
    await forge.mergePullRequest({ ...pull, headSha }, attempt);
    await run(path, "branch", "eight", pull.headSha);
    await expect(
      forge.mergePullRequest({ ...pull, number: 8, headRef: "eight" }, attempt),
    ).rejects.toMatchObject({ code: "NOT_MERGEABLE" });
  });

  it("does not take another pull request's merge for its own (F2)", async () => {
    const { pull } = await withOrigin();
    await forge.mergePullRequest(pull, attempt);
    await expect(forge.mergePullRequest({ ...pull, number: 8 }, attempt)).rejects.toMatchObject({
      code: "NOT_MERGEABLE",
      message: containing("contains it already"),
    });
  });

  it("merges onto what others pushed meanwhile (F3)", async () => {
    const { home, origin, pull } = await withOrigin();
    const newer = await pushFromElsewhere(home, "later", "");
    const { mergeSha } = await forge.mergePullRequest(pull, attempt);
    expect(await run(origin, "rev-parse", `${mergeSha}^1`)).toBe(newer);
  });

  it.each([
    { title: "between its look and its push", receive: false },
    { title: "while its push arrives", receive: true },
  ])("looks once more when the base moves $title (F3)", async ({ receive }) => {
    const { path, home, origin, pull } = await withOrigin();
    await run(home, "clone", "--quiet", "origin.git", "elsewhere");
    const newer = await commitFile(join(home, "elsewhere"), "later", "");
    await run(join(home, "elsewhere"), "push", "--quiet", "origin", "HEAD:refs/heads/waiting");
    const move = `git --git-dir='${origin}' update-ref refs/heads/main ${newer}`;
    if (receive) {
      const hook = `#!/bin/sh\nunset GIT_QUARANTINE_PATH\n[ -e moved ] || { touch moved; ${move}; }\n`;
      await writeFile(join(origin, "hooks/pre-receive"), hook, { mode: 0o755 });
    } else {
      // The second fetch is that of the head; after it comes the push.
      const count = `echo >> '${home}/fetches'; [ $(wc -l < '${home}/fetches') != 2 ] || ${move}`;
      await writeFile(join(home, "serve"), `#!/bin/sh\ngit-upload-pack "$@"\n${count}\n`, {
        mode: 0o755,
      });
      await run(path, "config", "remote.origin.uploadpack", join(home, "serve"));
    }
    const { mergeSha } = await forge.mergePullRequest(pull, attempt);
    expect(await run(origin, "rev-parse", "main")).toBe(mergeSha);
    expect(await run(origin, "rev-parse", `${mergeSha}^1`)).toBe(newer);
  });

  it("does not merge a branch that has moved since it was asked (F3)", async () => {
    const { path, origin, pull } = await withOrigin();
    await run(path, "checkout", "--quiet", "work");
    await commitFile(path, "later", "");
    await run(path, "push", "--quiet", "origin", "work");
    const before = await run(origin, "rev-parse", "main");
    await expect(forge.mergePullRequest(pull, attempt)).rejects.toMatchObject({
      code: "NOT_MERGEABLE",
      message: containing(pull.headSha),
    });
    expect(await run(origin, "rev-parse", "main")).toBe(before);
  });

  it("names the files in conflict", async () => {
    const { home, pull } = await withOrigin();
    await pushFromElsewhere(home, "work file", "other\n");
    await expect(forge.mergePullRequest(pull, attempt)).rejects.toMatchObject({
      code: "NOT_MERGEABLE",
      message: containing("work file"),
    });
  });

  it("says that origin is away, and that trying again may help", async () => {
    const { path, home, pull } = await withOrigin();
    await run(path, "remote", "set-url", "origin", join(home, "gone.git"));
    await expect(forge.mergePullRequest(pull, attempt)).rejects.toMatchObject({
      code: "REMOTE_UNREACHABLE",
      isRetryable: true,
    });
  });

  it("commits as ao where git does not know who the person is", async () => {
    const { origin, pull, home } = await withOrigin();
    await writeFile(join(home, "nobody"), "[user]\n\tuseConfigOnly = true\n");
    vi.stubEnv("GIT_CONFIG_GLOBAL", join(home, "nobody"));
    await forge.mergePullRequest(pull, attempt);
    expect(await run(origin, "log", "-1", "--format=%an <%ce>", "main")).toBe("ao <ao@localhost>");
  });

  it("commits as the person whom git knows", async () => {
    const { path, origin, pull } = await withOrigin();
    await run(path, "config", "user.name", "Ada");
    await run(path, "config", "user.email", "ada@localhost");
    await forge.mergePullRequest(pull, attempt);
    expect(await run(origin, "log", "-1", "--format=%an <%ce>", "main")).toBe(
      "Ada <ada@localhost>",
    );
  });
});

describe("merging without an origin", () => {
  it("moves a base that is checked out nowhere", async () => {
    const { path, pull } = await withoutOrigin();
    await run(path, "checkout", "--quiet", "--detach");
    const { mergeSha } = await forge.mergePullRequest(pull, attempt);
    expect(await run(path, "rev-parse", "main")).toBe(mergeSha);
    expect(await forge.mergePullRequest(pull, attempt)).toEqual({ mergeSha, repeated: true });
  });

  it("brings the worktree along that has the base checked out (F4)", async () => {
    const { path, pull } = await withoutOrigin();
    const { mergeSha } = await forge.mergePullRequest(pull, attempt);
    expect(await run(path, "rev-parse", "main")).toBe(mergeSha);
    expect(await run(path, "status", "--porcelain")).toBe("");
    expect(await readFile(join(path, "work file"), "utf8")).toBe("1\n");
  });

  it("does nothing when that worktree has changes (F4)", async () => {
    const { path, pull } = await withoutOrigin();
    const before = await run(path, "rev-parse", "main");
    await writeFile(join(path, "README"), "changed");
    await expect(forge.mergePullRequest(pull, attempt)).rejects.toMatchObject({
      code: "NOT_MERGEABLE",
      message: containing("README"),
    });
    expect(await run(path, "rev-parse", "main")).toBe(before);
    expect(await readFile(join(path, "README"), "utf8")).toBe("changed");
  });

  it("says which base is unknown", async () => {
    const { pull } = await withoutOrigin();
    await expect(
      forge.mergePullRequest({ ...pull, baseRef: "nope" }, attempt),
    ).rejects.toMatchObject({
      code: "BRANCH_UNKNOWN",
    });
  });
});
