import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer as httpServer } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { basename, join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { checks } from "../../../adapters/forge/checks.ts";
import { localForge } from "../../../adapters/forge/local.ts";
import { type Mirrors, mirrors } from "../../../adapters/git/mirrors.ts";
import { describeRepository, isBareRepository } from "../../../adapters/git/repository.ts";
import { collecting } from "../../../adapters/worktree/directories.ts";
import { reviewWorktrees } from "../../../adapters/worktree/review-worktrees.ts";
import { worktrees } from "../../../adapters/worktree/worktrees.ts";
import { commitFile, repositoryWithOrigin, run } from "../../support/repository.ts";

const nobody = { signal: new AbortController().signal, isWanted: () => false };
const attempt = { effectId: "workspace/w-1#1.0", orderedAt: 0, attempt: 1, signal: nobody.signal };
const spec = (repo: string) => ({ projectId: "mer", repo, branch: "ao/w-1", baseRef: "main" });
const order = (repo: string) => ({
  workspace: "w-1",
  host: "local",
  epoch: 1,
  spec: spec(repo),
  isAgain: false,
});

/** A person's repository whose origin is mirrored. */
async function mirrored() {
  const person = await repositoryWithOrigin();
  const home = join(person.home, "data");
  const cache = mirrors(home);
  const root = await cache.use(`file://${person.origin}`, async (at) => Promise.resolve(at));
  const push = async (file: string, text: string): Promise<string> => {
    const sha = await commitFile(person.path, file, text);
    await run(person.path, "push", "--quiet", "origin", "main");
    return sha;
  };
  const { prepareWorkspace, reclaimWorkspace } = worktrees({ home });
  const reclaim = async (path: string | null) =>
    reclaimWorkspace({ workspace: "w-1", host: "local", path, spec: spec(root) }, attempt);
  return { person, home, cache, root, push, prepareWorkspace, reclaim };
}

const holdsOf = async (cache: Mirrors): Promise<(string | null)[]> =>
  (await cache.list(nobody.signal)).map(({ holds }) => holds);

async function portOf(server: Server): Promise<number> {
  onTestFinished(() => void server.close());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  return (server.address() as AddressInfo).port;
}

/** A server that takes what is asked of it and never answers; its connections, in their order. */
async function deaf() {
  const taken: { readonly isOpen: () => boolean }[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {}).resume();
    taken.push({ isOpen: () => !socket.closed });
  });
  return { url: `http://127.0.0.1:${await portOf(server)}/x.git`, taken };
}

describe("the mirror of a URL", () => {
  it("is a repository whose origin is the URL, the same for all who name it", async () => {
    const { cache, root, person } = await mirrored();
    expect(await describeRepository(root)).toMatchObject({
      root,
      defaultBranch: "main",
      origin: `file://${person.origin}`,
    });
    expect(await isBareRepository(root)).toBe(true);
    expect([
      await isBareRepository(person.path),
      await isBareRepository(join(person.path, ".git")),
    ]).toEqual([false, false]);
    for (const same of [`file://${person.origin.replace(/\.git$/, "")}`, person.origin]) {
      expect(await cache.use(same, async (at) => Promise.resolve(at))).toBe(root);
    }
    expect(await readdir(join(root, ".."))).toHaveLength(1);
  });

  it("has a new branch of origin when it is named again, and no longer one that is gone", async () => {
    const { cache, root, person } = await mirrored();
    await run(person.path, "push", "--quiet", "origin", "main:old");
    const use = async (): Promise<string> =>
      cache.use(`file://${person.origin}`, async (at) =>
        run(at, "for-each-ref", "--format=%(refname)"),
      );
    expect(await use()).toContain("refs/remotes/origin/old");
    await run(person.path, "push", "--quiet", "origin", "--delete", "old");
    expect(await use()).not.toContain("refs/remotes/origin/old");
    expect(root).toContain("origin-");
  });

  it.each([
    { title: "that is no repository", path: "nothing", code: "REPOSITORY_INVALID" },
    { title: "of a folder that is not there", path: "gone/gone", code: "REPOSITORY_INVALID" },
  ])("$title is refused, and leaves nothing behind", async ({ path, code }) => {
    const { home, cache, person } = await mirrored();
    await mkdir(join(person.home, "nothing"));
    const url = `file://${join(person.home, path)}`;
    await expect(cache.use(url, async () => Promise.resolve())).rejects.toMatchObject({ code });
    expect(await readdir(join(home, "mirrors"))).toHaveLength(1);
  });

  it("with a lock that a killed git left is used, and a way to sign in that cannot be noted is told", async () => {
    const { cache, root, person } = await mirrored();
    await writeFile(join(root, "config.lock"), "");
    const use = async (url: string) => cache.use(url, async (at) => Promise.resolve(at));
    expect(await use(`file://${person.origin}`)).toBe(root);
    await expect(use(person.origin)).rejects.toMatchObject({ code: "REPOSITORY_LOCKED" });
    expect(await readdir(join(root, ".."))).toHaveLength(1);
  });

  it("that nobody answers is told as unreachable, with what git says", async () => {
    const { cache } = await mirrored();
    const taken = createServer();
    const port = await portOf(taken);
    await new Promise((done) => taken.close(done));
    const tried = cache.use(`http://127.0.0.1:${port}/x.git`, async () => Promise.resolve());
    await expect(tried).rejects.toMatchObject({ code: "REMOTE_UNREACHABLE" });
    await expect(tried).rejects.toThrow(`fetch http://127.0.0.1:${port}/x.git`);
  });

  it("that is a page and no repository is told so, and leaves nothing behind", async () => {
    const { cache, home } = await mirrored();
    const port = await portOf(httpServer((_request, response) => response.end("<html>")));
    const tried = cache.use(`http://127.0.0.1:${port}/x`, async () => Promise.resolve());
    await expect(tried).rejects.toMatchObject({ code: "REPOSITORY_EMPTY" });
    await expect(tried).rejects.toThrow("/x: no branch is there; is it the URL of a repository?");
    expect(await readdir(join(home, "mirrors"))).toHaveLength(1);
  });

  it("that wants credentials asks nobody for them, and is told so without those that were given", async () => {
    const { cache, home } = await mirrored();
    const asking = httpServer((_request, response) => {
      response.writeHead(401, { "www-authenticate": "Basic" }).end();
    });
    const port = await portOf(asking);
    const asked = join(home, "asked");
    const window = join(home, "window");
    await writeFile(window, `#!/bin/sh\ntouch ${asked}\n`, { mode: 0o755 });
    vi.stubEnv("SSH_ASKPASS", window);
    vi.stubEnv("DISPLAY", ":0");
    onTestFinished(() => void vi.unstubAllEnvs());
    for (const who of ["", "me:secret@"]) {
      const url = `http://${who}127.0.0.1:${port}/x.git`;
      const tried = cache.use(url, async () => Promise.resolve());
      await expect(tried).rejects.toMatchObject({ code: "REMOTE_REFUSED" });
      await expect(tried).rejects.not.toThrow(/secret/);
    }
    expect(existsSync(asked)).toBe(false);
  });
});

describe("the fetch of a mirror", () => {
  it("ends with git when nobody waits for it any more, and leaves nothing behind (MI5)", async () => {
    const { cache, home } = await mirrored();
    const { url, taken } = await deaf();
    const [first, second] = [new AbortController(), new AbortController()];
    const ran = vi.fn<() => Promise<void>>(async () => Promise.resolve());
    const tried = [first, second].map(async ({ signal }) => cache.use(url, ran, signal));
    const outcomes = Promise.allSettled(tried);
    await expect.poll(() => taken.length).toBe(1);
    first.abort();
    second.abort();
    const late = { reason: { code: "DEADLINE_PASSED" } };
    expect(await outcomes).toMatchObject([late, late]);
    await expect.poll(() => taken.map(({ isOpen }) => isOpen())).toEqual([false]);
    expect(ran).not.toHaveBeenCalled();
    expect(await readdir(join(home, "mirrors"))).toHaveLength(1);
  });

  it("is given up by git itself when origin says nothing (MI5)", async () => {
    const { home } = await mirrored();
    const { url, taken } = await deaf();
    const tried = mirrors(home, 1).use(url, async () => Promise.resolve());
    await expect(tried).rejects.toMatchObject({ code: "REMOTE_UNREACHABLE" });
    expect(taken).toHaveLength(1);
  });

  it("goes on to its end for another who waits (MI5)", async () => {
    const { cache } = await mirrored();
    const asked = Promise.withResolvers<undefined>();
    const answer = Promise.withResolvers<undefined>();
    const server = httpServer((_request, response) => {
      asked.resolve(undefined);
      void answer.promise.then(() => response.writeHead(404).end());
    });
    const url = `http://127.0.0.1:${await portOf(server)}/x.git`;
    const first = new AbortController();
    const tried = [first.signal, nobody.signal].map(async (signal) =>
      cache.use(url, async () => Promise.resolve(), signal),
    );
    const outcomes = Promise.allSettled(tried);
    await asked.promise;
    first.abort();
    answer.resolve(undefined);
    const none = { reason: { code: "REPOSITORY_INVALID" } };
    expect(await outcomes).toMatchObject([none, none]);
  });

  it("is not run with for one who went away while it was fetched for another", async () => {
    const { cache, person } = await mirrored();
    const url = `file://${person.origin}`;
    const gone = new AbortController();
    const started = Promise.withResolvers<undefined>();
    const freed = Promise.withResolvers<undefined>();
    const holds = cache.use(url, async () => {
      started.resolve(undefined);
      await freed.promise;
    });
    await started.promise;
    const ran = vi.fn<() => Promise<void>>(async () => Promise.resolve());
    const tried = cache.use(url, ran, gone.signal);
    const other = cache.use(url, async (at) => Promise.resolve(at));
    gone.abort();
    freed.resolve(undefined);
    await expect(tried).rejects.toMatchObject({ code: "DEADLINE_PASSED" });
    expect(await other).toMatch(/origin-\w+\.git$/);
    await holds;
    expect(ran).not.toHaveBeenCalled();
  });
});

describe("a worktree of a mirror", () => {
  it("orcha-261: has what came to origin since the mirror was fetched, and pushes there", async () => {
    const { root, push, prepareWorkspace, person } = await mirrored();
    const sha = await push("new", "upstream\n");
    const { path, headSha } = await prepareWorkspace(order(root), attempt);
    expect(headSha).toBe(sha);
    const mine = await commitFile(path, "work", "done\n");
    await run(path, "push", "--quiet", "-u", "origin", "ao/w-1");
    expect(await run(person.origin, "rev-parse", "ao/w-1")).toBe(mine);
    expect(await run(root, "rev-parse", "refs/remotes/origin/ao/w-1")).toBe(mine);
  });

  it("is not cut from old commits when origin does not answer: that is told, and tried again (W9)", async () => {
    const { root, prepareWorkspace, person, home } = await mirrored();
    const away = `${person.origin}.away`;
    await run(person.home, "config", "--file", join(root, "config"), "remote.origin.url", away);
    await expect(prepareWorkspace(order(root), attempt)).rejects.toMatchObject({
      code: "REMOTE_UNREACHABLE",
      isRetryable: true,
    });
    await run(root, "config", "remote.origin.url", person.origin);
    expect(await prepareWorkspace(order(root), attempt)).toMatchObject({ adopted: false });
    expect(existsSync(join(home, "worktrees/mer/w-1/README"))).toBe(true);
  });

  it("serves forge, checks and reviewers as any repository with an origin does", async () => {
    const { root, prepareWorkspace, person, home } = await mirrored();
    const { path } = await prepareWorkspace(order(root), attempt);
    const headSha = await commitFile(path, "work", "done\n");
    await run(path, "push", "--quiet", "-u", "origin", "ao/w-1");
    const pull = { projectId: "mer", repo: root, number: 1, headRef: "ao/w-1", baseRef: "main" };
    const { inspectBranches, mergePullRequest } = localForge();
    const { pulls } = await inspectBranches({ repo: root, pulls: [pull] }, attempt);
    expect(pulls).toMatchObject([{ headSha, mergeable: true }]);
    const check = { name: "test", command: "cat work" };
    const run1 = { ...pull, headSha, checks: [check], env: {} };
    expect(await checks({ home }).runChecks(run1, attempt)).toMatchObject({
      checks: [{ passed: true, logTail: "done\n" }],
    });
    const target = { runId: "r-1", sha: headSha, headRef: "ao/w-1", baseRef: "main" };
    const asked = { projectId: "mer", reviewer: "review-w-1", epoch: 1, repo: root, host: "local" };
    const { prepareReview, releaseReview } = reviewWorktrees({ home });
    const { trees } = await prepareReview({ ...asked, targets: [target] }, attempt);
    expect(trees).toMatchObject([{ isPinned: true }]);
    await releaseReview(asked, attempt);
    const merged = await mergePullRequest({ ...pull, headSha, title: "Work" }, attempt);
    expect(await run(person.origin, "rev-parse", "main")).toBe(merged.mergeSha);
  });

  it("that is made again needs no origin: its branch is here", async () => {
    const { root, prepareWorkspace, reclaim } = await mirrored();
    const { path } = await prepareWorkspace(order(root), attempt);
    const sha = await commitFile(path, "work", "done\n");
    expect(await reclaim(path)).toEqual({ removed: true });
    await run(root, "config", "remote.origin.url", "/nowhere");
    const again = await prepareWorkspace({ ...order(root), epoch: 2, isAgain: true }, attempt);
    expect(again.headSha).toBe(sha);
  });

  it("waits for an origin that hangs no longer than its deadline", async () => {
    const { root, prepareWorkspace } = await mirrored();
    const deadline = new AbortController();
    const hanging = createServer((socket) => {
      socket.on("error", () => {});
      deadline.abort();
    });
    const port = await portOf(hanging);
    await run(root, "config", "remote.origin.url", `git://127.0.0.1:${port}/x`);
    const tried = prepareWorkspace(order(root), { ...attempt, signal: deadline.signal });
    await expect(tried).rejects.toMatchObject({ code: "DEADLINE_PASSED" });
  });
});

describe("a mirror that no project is registered with", () => {
  it("goes when origin has all that is in it", async () => {
    const { cache, root, prepareWorkspace, reclaim } = await mirrored();
    const { path } = await prepareWorkspace(order(root), attempt);
    expect(await holdsOf(cache)).toEqual([`worktrees are cut from it: ${path}`]);
    await reclaim(path);
    const name = basename(root, ".git");
    expect(await cache.list(nobody.signal)).toEqual([{ name, path: root, holds: null }]);
    expect(await cache.remove({ name, path: root }, nobody)).toBeUndefined();
    expect(await readdir(join(root, ".."))).toEqual([]);
  });

  it("stays with a branch that was not pushed, and with what was kept of a worktree (MI4)", async () => {
    const { cache, root, prepareWorkspace, reclaim } = await mirrored();
    const { path } = await prepareWorkspace(order(root), attempt);
    await commitFile(path, "work", "done\n");
    await writeFile(join(path, "more"), "not committed\n");
    await reclaim(path);
    const [holds] = await holdsOf(cache);
    expect(holds).toBe("origin does not have refs/ao/preserved/w-1, refs/heads/ao/w-1");
    const name = basename(root, ".git");
    expect(await cache.remove({ name, path: root }, nobody)).toBe(holds);
    await run(root, "update-ref", "-d", "refs/ao/preserved/w-1");
    await run(root, "push", "--quiet", "origin", "ao/w-1");
    expect(await cache.remove({ name, path: root }, nobody)).toBeUndefined();
  });

  it("stays when origin has lost since what was pushed there, or does not answer (MI4)", async () => {
    const { cache, root, prepareWorkspace, reclaim, person } = await mirrored();
    const mirror = { name: basename(root, ".git"), path: root };
    const { path } = await prepareWorkspace(order(root), attempt);
    await commitFile(path, "work", "done\n");
    await run(path, "push", "--quiet", "origin", "ao/w-1");
    await reclaim(path);
    expect(await holdsOf(cache)).toEqual([null]);
    await run(root, "config", "remote.origin.url", `${person.origin}.away`);
    expect(await cache.remove(mirror, nobody)).toMatch(/^whether origin still has all .*away/);
    await run(root, "config", "remote.origin.url", person.origin);
    await run(person.origin, "branch", "--quiet", "-D", "ao/w-1");
    expect(await cache.remove(mirror, nobody)).toBe("origin does not have refs/heads/ao/w-1");
    expect(existsSync(root)).toBe(true);
  });

  it("stays when somebody registers one meanwhile, and while it is being registered it is not seen", async () => {
    const { cache, root, person } = await mirrored();
    const name = basename(root, ".git");
    const wanted = { ...nobody, isWanted: (at: string) => at === root };
    expect(await cache.remove({ name, path: root }, wanted)).toMatch("registered");
    const seen = await cache.use(`file://${person.origin}`, async () => cache.list(nobody.signal));
    expect(seen).toEqual([]);
    expect(existsSync(root)).toBe(true);
  });

  it("is swept with what a kill left of its making and of its removal", async () => {
    const { cache, root, home } = await mirrored();
    await mkdir(join(home, "mirrors/x-1.git.making"));
    await mkdir(join(home, "mirrors/x-2.git.trash"));
    const options = { home, nonce: () => "n", now: Date.now, isWanted: () => false };
    const isRegistered = (at: string): boolean => at === root;
    const { sweepDirectory } = collecting({ ...options, mirrors: cache, isRegistered });
    for (const { name, path } of await cache.list(nobody.signal)) {
      const data = { host: "local", area: "mirror", projectId: "", name, path } as const;
      expect(await sweepDirectory(data, attempt)).toMatchObject({ removed: path !== root });
    }
    expect(await readdir(join(home, "mirrors"))).toHaveLength(1);
  });

  it("loses the names of branches that are gone at origin when it is packed", async () => {
    const { cache, root, home, person } = await mirrored();
    await run(person.path, "push", "--quiet", "origin", "main:old");
    await run(root, "fetch", "--quiet", "origin");
    await run(person.path, "push", "--quiet", "origin", "--delete", "old");
    const options = { home, nonce: () => "n", now: Date.now, isWanted: () => false };
    const { compactRepository } = collecting({
      ...options,
      mirrors: cache,
      isRegistered: () => true,
    });
    await compactRepository({ host: "local", repo: root }, attempt);
    expect(await run(root, "for-each-ref", "refs/remotes/origin/old")).toBe("");
  });
});
