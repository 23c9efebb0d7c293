import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { LANES } from "../../machines/observations.ts";
import type { Wait } from "../../probes/folder-watch.ts";
import { refsProbe } from "../../probes/refs.ts";
import { probeScene } from "../support/probe.ts";
import { commitFile, repositoryAlone, repositoryWithOrigin, run } from "../support/repository.ts";
import { eventually } from "../support/eventually.ts";

async function watching(repo: string, scene = probeScene()) {
  const ended = refsProbe({ ...scene.options, project: "mer", repo });
  await eventually(() => expect(scene.looks()).toBe(1));
  return { ...scene, ended };
}

it("tells at first where every branch of origin stands (R1)", async () => {
  const { path } = await repositoryWithOrigin();
  await run(path, "remote", "set-head", "origin", "main");
  await run(path, "branch", "not-pushed");
  const sha = await run(path, "rev-parse", "main");
  const { published } = await watching(path);
  expect(published).toEqual([
    { subject: "refs.mer", data: { heads: { main: sha } }, messageId: "refs:mer:7.1" },
  ]);
  expect(LANES.refs.body.parse(published[0]?.data)).toEqual({ heads: { main: sha } });
});

it("tells at first that there is no branch yet", async () => {
  const { path } = await repositoryAlone();
  await run(path, "remote", "add", "origin", "nowhere");
  expect((await watching(path)).published).toMatchObject([{ data: { heads: {} } }]);
});

it("tells what a worktree pushes, and no more (R1)", async () => {
  const { path, home } = await repositoryWithOrigin();
  const { newest } = await watching(path);
  const tree = join(home, "tree");
  await run(path, "worktree", "add", "--quiet", "-b", "ao/w-1", tree);
  const sha = await commitFile(tree, "a", "1");
  await run(tree, "push", "--quiet", "origin", "HEAD");
  expect(await newest(2)).toEqual({ heads: { "ao/w-1": sha } });
});

it("sees the first push to origin, whose folder was not there", async () => {
  const { path, home } = await repositoryAlone();
  await run(home, "init", "--quiet", "--bare", "origin.git");
  await run(path, "remote", "add", "origin", join(home, "origin.git"));
  const { newest } = await watching(path);
  await run(path, "push", "--quiet", "origin", "main");
  expect(await newest(2)).toEqual({ heads: { main: await run(path, "rev-parse", "main") } });
});

it("follows branches in folders that come, go and come back", async () => {
  const { path } = await repositoryAlone();
  const sha = await run(path, "rev-parse", "main");
  const { newest } = await watching(path);
  await run(path, "branch", "deep/down/x");
  expect(await newest(2)).toEqual({ heads: { "deep/down/x": sha } });
  await run(path, "branch", "-D", "deep/down/x");
  expect(await newest(3)).toEqual({ heads: { "deep/down/x": null } });
  await run(path, "branch", "deep/down/x");
  expect(await newest(4)).toEqual({ heads: { "deep/down/x": sha } });
});

it("is not misled when git packs its refs", async () => {
  const { path } = await repositoryAlone();
  await run(path, "branch", "x");
  const { newest, published } = await watching(path);
  await run(path, "pack-refs", "--all");
  await run(path, "branch", "-D", "x");
  expect(await newest(2)).toEqual({ heads: { x: null } });
  expect(published).toHaveLength(2);
});

it("never uses an id again for other news (P3)", async () => {
  const { path } = await repositoryAlone();
  const first = await run(path, "rev-parse", "main");
  const { newest, published } = await watching(path);
  const second = await commitFile(path, "a", "1");
  expect(await newest(2)).toEqual({ heads: { main: second } });
  await run(path, "update-ref", "refs/heads/main", first);
  await newest(3);
  await run(path, "update-ref", "refs/heads/main", second);
  expect(await newest(4)).toEqual({ heads: { main: second } });
  expect(new Set(published.map(({ messageId }) => messageId)).size).toBe(4);
});

it("publishes again what could not be published, under the same id (P2)", async () => {
  const { path } = await repositoryAlone();
  const asked: string[] = [];
  const scene = probeScene(async (_lane, _id, _data, messageId) => {
    asked.push(messageId);
    if (asked.length < 3) throw new Error("the bus is down");
  });
  const { published } = await watching(path, scene);
  expect(asked).toEqual(["refs:mer:7.1", "refs:mer:7.1", "refs:mer:7.1"]);
  expect(published).toHaveLength(1);
});

it("tells all that moved while it could not publish, under an id of its own (P3)", async () => {
  const { path } = await repositoryAlone();
  const ids = new Map<string, Set<string>>();
  const scene = probeScene(async (_lane, _id, data, messageId) => {
    ids.set(messageId, (ids.get(messageId) ?? new Set()).add(JSON.stringify(data)));
    if (JSON.stringify(data).includes('"x"')) await run(path, "branch", "y").catch(() => undefined);
    if (scene.published.length === 1 && scene.failures.length === 0)
      throw new Error("the bus is down");
  });
  const sha = await run(path, "rev-parse", "main");
  const { newest } = await watching(path, scene);
  await run(path, "branch", "x");
  expect(await newest(2)).toEqual({ heads: { x: sha, y: sha } });
  // What failed may have been stored: its id is not given to what is told in its place.
  expect([...ids.values()].map((told) => told.size)).toEqual([1, 1, 1]);
});

/** A probe whose look after a change comes by hand. */
async function watchingHeld(path: string) {
  const scene = probeScene();
  const held: (() => void)[] = [];
  const wait: Wait = (ms, signal) =>
    ms === 500
      ? new Promise((resolve) => held.push(() => resolve(undefined)))
      : scene.wait(ms, signal);
  const watched = await watching(path, {
    ...scene,
    options: { ...scene.options, settleMs: 500, wait },
  });
  return { ...watched, held };
}

it("looks once for a burst (R2)", async () => {
  const { path } = await repositoryAlone();
  const { newest, looks, held } = await watchingHeld(path);
  const names = Array.from({ length: 40 }, (_, n) => `b${n}`);
  await run(path, "fetch", "--quiet", ".", ...names.map((name) => `main:refs/heads/${name}`));
  await eventually(() => expect(held).toHaveLength(1));
  expect(looks()).toBe(1);
  held.pop()?.();
  const sha = await run(path, "rev-parse", "main");
  expect(await newest(2)).toEqual({ heads: Object.fromEntries(names.map((name) => [name, sha])) });
  await eventually(() => expect(looks()).toBe(2));
});

it("sees what happens in a folder that was put in the place of another at once", async () => {
  const { path, home } = await repositoryAlone();
  const sha = await run(path, "rev-parse", "main");
  await run(path, "branch", "deep/down/x");
  const { newest, held } = await watchingHeld(path);
  await rename(join(path, ".git/refs/heads/deep"), join(home, "away"));
  await run(path, "branch", "deep/down/y");
  for (const count of [2, 3]) {
    await eventually(() => expect(held).toHaveLength(1));
    held.pop()?.();
    await newest(count);
    if (count === 2) await run(path, "branch", "deep/down/z");
  }
  expect(await newest(3)).toEqual({ heads: { "deep/down/z": sha } });
});

it("does not look for what is no ref (R2)", async () => {
  const { path } = await repositoryAlone();
  const { looks, changes, elapse } = await watching(path);
  for (let n = 0; n < 40; n += 1) await writeFile(join(path, ".git", `FETCH_HEAD_${n}`), "");
  await writeFile(join(path, ".git/refs/heads/x.lock"), "");
  elapse();
  await eventually(() => expect(looks()).toBe(2));
  expect(changes()).toBe(0);
});

it("looks when its interval is over, though nothing was seen", async () => {
  const { path } = await repositoryAlone();
  const { looks, elapse, published } = await watching(path);
  elapse();
  await eventually(() => expect(looks()).toBe(2));
  expect(published).toHaveLength(1);
});

it("reports a repository that is away, and goes on when it is back", async () => {
  const { path, home } = await repositoryAlone();
  const { newest, failures, elapse } = await watching(path);
  await rename(path, join(home, "away"));
  elapse();
  await eventually(() => expect(failures[0]).toMatchObject({ code: "REPOSITORY_INVALID" }));
  await run(join(home, "away"), "branch", "x");
  await rename(join(home, "away"), path);
  expect(await newest(2)).toMatchObject({ heads: { x: expect.anything() as unknown } });
});

it("ends with its signal", async () => {
  const { path } = await repositoryAlone();
  const { ended, stop } = await watching(path);
  stop();
  await expect(ended).resolves.toBeUndefined();
});
