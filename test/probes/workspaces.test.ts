import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { LANES } from "../../machines/observations.ts";
import { workspaceProbe } from "../../probes/workspaces.ts";
import { probeScene } from "../support/probe.ts";
import { commitFile, repositoryAlone, repositoryWithOrigin, run } from "../support/repository.ts";
import { eventually } from "../support/eventually.ts";

/** A worktree of a repository, on branch ao/w-1, and a probe that has looked at it once. */
async function watching({ path: repo, home }: { path: string; home: string }) {
  const path = join(home, "tree");
  await run(repo, "worktree", "add", "--quiet", "-b", "ao/w-1", path);
  const scene = probeScene();
  const ended = workspaceProbe({ ...scene.options, session: "mer-1", path });
  await eventually(() => expect(scene.looks()).toBe(1));
  return { ...scene, ended, path, repo };
}

it("tells at first where the worktree stands", async () => {
  const { published, repo } = await watching(await repositoryWithOrigin());
  const data = {
    headSha: await run(repo, "rev-parse", "main"),
    branch: "ao/w-1",
    dirty: false,
    unpushed: 0,
  };
  expect(published).toEqual([
    { subject: "workspace.mer-1", data, messageId: "workspace:mer-1:7.1" },
  ]);
  expect(LANES.workspace.body.parse(published[0]?.data)).toEqual(data);
});

it("tells a commit, a push, a staged file and another branch as they happen", async () => {
  const { newest, path } = await watching(await repositoryWithOrigin());
  const tells = (facts: object) =>
    eventually(async () => expect(await newest(1)).toMatchObject(facts));
  const headSha = await commitFile(path, "a", "1");
  await tells({ headSha, dirty: false, unpushed: 1 });
  await run(path, "push", "--quiet", "origin", "HEAD");
  await tells({ headSha, unpushed: 0 });
  await writeFile(join(path, "b"), "");
  await run(path, "add", "b");
  await tells({ dirty: true });
  await run(path, "checkout", "--quiet", "-b", "other");
  await tells({ branch: "other", dirty: true });
  // The branch is another one now, and it is that one whose push matters.
  await run(path, "commit", "--quiet", "-m", "b");
  await tells({ dirty: false, unpushed: 1 });
  await run(path, "push", "--quiet", "origin", "other");
  await tells({ unpushed: 0 });
});

it("tells that commits on no branch are not published", async () => {
  const { newest, path } = await watching(await repositoryAlone());
  await run(path, "checkout", "--quiet", "--detach");
  await newest(2);
  await commitFile(path, "a", "1");
  await eventually(async () =>
    expect(await newest(3)).toMatchObject({ branch: null, unpushed: 1 }),
  );
});

it("tells an edit at the next anti-entropy look", async () => {
  const { newest, elapse, path, looks } = await watching(await repositoryAlone());
  await writeFile(join(path, "README"), "changed");
  expect(looks()).toBe(1);
  elapse();
  expect(await newest(2)).toMatchObject({ dirty: true });
});

it("tells all again at once when another spoke in its place, also while it looks (P4)", async () => {
  const { path: repo, home } = await repositoryAlone();
  const path = join(home, "tree");
  await run(repo, "worktree", "add", "--quiet", "-b", "ao/w-1", path);
  const heard: (() => void)[] = [];
  const { options, looks, published, newest } = probeScene(async () => {
    // What comes after the facts were read is newer than they are.
    if (published.length === 1) for (const speak of heard) speak();
  });
  const overhear = (speak: () => void): void => void heard.push(speak);
  void workspaceProbe({ ...options, overhear, session: "mer-1", path });
  await eventually(() => expect(looks()).toBe(1));
  for (const speak of heard) speak();
  const facts = { branch: "ao/w-1", dirty: false };
  expect(await newest(3)).toMatchObject(facts);
  expect(new Set(published.map(({ messageId }) => messageId)).size).toBe(3);
});

it("says nothing when git wrote but no fact has changed (W1)", async () => {
  const { published, looks, path } = await watching(await repositoryAlone());
  await run(path, "read-tree", "HEAD");
  await eventually(() => expect(looks()).toBeGreaterThan(1));
  expect(published).toHaveLength(1);
});

it("does not wake itself by looking (W2)", async () => {
  const { looks, changes, elapse, path } = await watching(await repositoryAlone());
  // A status that may write would now write the index, which is what is watched.
  await writeFile(join(path, "README"), "first\n");
  elapse();
  await eventually(() => expect(looks()).toBe(2));
  expect(changes()).toBe(0);
});

it("does not look when another branch is pushed (W2)", async () => {
  const { looks, changes, elapse, repo } = await watching(await repositoryWithOrigin());
  for (let n = 0; n < 5; n += 1) await run(repo, "push", "--quiet", "origin", `main:b${n}`);
  elapse();
  await eventually(() => expect(looks()).toBe(2));
  expect(changes()).toBe(0);
});

it("reports a worktree that is gone, and ends with its signal", async () => {
  const { failures, path, stop, ended, elapse } = await watching(await repositoryAlone());
  await rm(path, { recursive: true });
  elapse();
  await eventually(() => expect(failures[0]).toMatchObject({ code: "REPOSITORY_INVALID" }));
  stop();
  await expect(ended).resolves.toBeUndefined();
});

it("tells once that the repository went away, with git's words, and what it reads when that is back (W3)", async () => {
  const { newest, path, repo, published } = await watching(await repositoryAlone());
  const [first] = published;
  await rename(repo, `${repo}.away`);
  await eventually(async () => expect(await newest(2)).toHaveProperty("unreadable"));
  const gone = published[1]?.data;
  expect(LANES.workspace.body.parse(gone)).toEqual(gone);
  expect(gone).toHaveProperty("branch", "ao/w-1");
  expect(gone).toHaveProperty("unreadable", expect.stringMatching(/repository .*repo/));
  await rename(`${repo}.away`, repo);
  await eventually(async () => expect(await newest(3)).toEqual(first?.data));
  // One change, where a file that is written and then committed may be seen as two.
  await run(path, "commit", "--quiet", "--allow-empty", "-m", "go on");
  const headSha = await run(path, "rev-parse", "HEAD");
  await eventually(async () => expect(await newest(4)).toMatchObject({ headSha }));
  expect(published).toHaveLength(4);
});
