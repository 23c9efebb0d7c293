import { createHash } from "node:crypto";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mirrors } from "../../../adapters/git/mirrors.ts";
import { bytesOf, collecting, listDirectories } from "../../../adapters/worktree/directories.ts";
import { listPreserved } from "../../../adapters/worktree/preserve.ts";
import { commitFile, run } from "../../support/repository.ts";
import { alone, expectTidy, type Scene } from "../../support/workspace.ts";

const REF = "refs/ao/preserved/w-1";
const { signal } = new AbortController();
const attempt = { effectId: "collector/local#1.0", orderedAt: 0, attempt: 1, signal };

function sweeper({ home }: Scene, isWanted: (name: string) => boolean = () => false) {
  let nonce = 0;
  const adapters = collecting({
    home,
    nonce: () => `n${(nonce += 1)}`,
    now: Date.now,
    isWanted,
    mirrors: mirrors(home),
    isRegistered: () => false,
  });
  return async (path: string, area: "worktree" | "making" | "trash" = "worktree") => {
    const data = { host: "local", area, projectId: "mer", name: "w-1", path };
    return adapters.sweepDirectory(data, attempt);
  };
}

describe("a worktree that nobody knows", () => {
  it("is swept, and its branch stays (DR2)", async () => {
    const scene = await alone();
    await scene.prepare();
    const sha = await commitFile(scene.path, "a", "1");
    expect(await sweeper(scene)(scene.path)).toEqual({ removed: true });
    expect(await run(scene.repo, "rev-parse", "ao/w-1")).toBe(sha);
    await expectTidy(scene);
    expect(await sweeper(scene)(scene.path)).toEqual({ removed: true });
  });

  it("G2, G7, orcha-339, orcha-346: has what only it holds in a ref before it goes (DR2)", async () => {
    const scene = await alone();
    await scene.prepare();
    await run(scene.path, "checkout", "--quiet", "--detach");
    const sha = await commitFile(scene.path, "a", "1");
    await writeFile(join(scene.path, "new"), "2");
    expect(await sweeper(scene)(scene.path)).toMatchObject({ removed: true, preserved: REF });
    expect(await run(scene.repo, "show", `${REF}:new`)).toBe("2");
    expect(await run(scene.repo, "rev-parse", `${REF}^`)).toBe(sha);
  });

  it("stays when it holds what no ref can hold, and says so (DR2)", async () => {
    const scene = await alone();
    await scene.prepare();
    await mkdir(join(scene.path, "inner"));
    await run(join(scene.path, "inner"), "init", "--quiet");
    await commitFile(join(scene.path, "inner"), "a", "1");
    const swept = await sweeper(scene)(scene.path);
    expect(swept).toMatchObject({ removed: false });
    expect(JSON.stringify(swept)).toContain("repositories inside");
    expect(await readdir(scene.path)).toContain("inner");
  });

  it("G11: stays when somebody came to know it while it was being removed (DR3)", async () => {
    const scene = await alone();
    await scene.prepare();
    const swept = await sweeper(scene, (name) => name === "w-1")(scene.path);
    expect(swept).toMatchObject({ removed: false });
    expect(await readdir(scene.path)).toContain("README");
    await expectTidy(scene);
  });

  it("is put back and swept when its removal was cut short before it was decided", async () => {
    const scene = await alone();
    await scene.prepare();
    await writeFile(join(scene.path, "new"), "2");
    const trash = join(scene.home, "worktrees/mer/.trash-w-1.abc");
    await run(scene.home, "-C", scene.repo, "worktree", "move", scene.path, trash);
    expect(await sweeper(scene)(trash, "trash")).toMatchObject({ removed: true, preserved: REF });
    await expectTidy(scene);
  });
});

describe("what is not a worktree of ours stays (DR1, DR4)", () => {
  it.each([
    {
      title: "a folder of a person",
      at: async ({ path }: Scene) => {
        await mkdir(path, { recursive: true });
        await writeFile(join(path, "notes"), "mine");
        return path;
      },
    },
    {
      title: "a worktree of a person",
      at: async ({ repo, path, home }: Scene) => {
        await mkdir(join(home, "worktrees/mer"), { recursive: true });
        await run(repo, "worktree", "add", "--quiet", "-b", "own", path);
        return path;
      },
    },
    { title: "the repository itself", at: async ({ repo }: Scene) => Promise.resolve(repo) },
    { title: "the root", at: async () => Promise.resolve("/") },
    {
      title: "a way around",
      at: async ({ path }: Scene) => Promise.resolve(join(path, "..", "..")),
    },
  ])("orcha-353, G9: $title", async ({ at }) => {
    const scene = await alone();
    await mkdir(join(scene.home, "worktrees/mer"), { recursive: true });
    const path = await at(scene);
    const before = await readdir(path);
    expect(await sweeper(scene)(path)).toMatchObject({ removed: false });
    expect(await readdir(path)).toEqual(before);
  });

  it.each(["making", "trash"] as const)("what a wrong order calls %s (DR1)", async (area) => {
    const scene = await alone();
    await scene.prepare();
    const person = join(scene.home, "worktrees/mer/.making/../../notes");
    await mkdir(person, { recursive: true });
    for (const path of [scene.repo, person, scene.path]) {
      expect(await sweeper(scene)(path, area)).toMatchObject({ removed: false });
      await readdir(path);
    }
  });

  it("and is told of only where it bears a name that is given here", async () => {
    const scene = await alone();
    await scene.prepare();
    const root = join(scene.home, "worktrees/mer");
    await mkdir(join(root, "with a space"));
    await symlink(scene.repo, join(root, "link"));
    await mkdir(join(root, ".making", "w-2.abc"));
    await mkdir(join(root, ".trash-w-3.def"));
    await mkdir(join(scene.home, "reviews/mer/review-w-1/1"), { recursive: true });
    const { directories, freeBytes } = await listDirectories(
      scene.home,
      mirrors(scene.home),
      signal,
    );
    expect(directories.map(({ area, name }) => `${area} ${name}`).toSorted()).toEqual([
      "making w-2",
      "review review-w-1",
      "trash w-3",
      "worktree w-1",
    ]);
    expect(freeBytes).toBeGreaterThan(0);
  });
});

it("G12: what was left half made is swept", async () => {
  const scene = await alone();
  await scene.prepare();
  const half = join(scene.home, "worktrees/mer/.making/w-1.abc");
  await run(scene.repo, "worktree", "add", "--quiet", "--detach", half);
  expect(await sweeper(scene)(half, "making")).toEqual({ removed: true });
  await expectTidy(scene);
});

it("a lock of a person is seen", async () => {
  const scene = await alone();
  await scene.prepare();
  await run(scene.repo, "worktree", "lock", scene.path);
  const { directories } = await listDirectories(scene.home, mirrors(scene.home), signal);
  expect(directories).toMatchObject([{ name: "w-1", isLocked: true }]);
});

it("a directory is measured in bytes on disk, and one that is gone is left out", async () => {
  const scene = await alone();
  await scene.prepare();
  await writeFile(join(scene.path, "large"), "x".repeat(100_000));
  const sizes = await bytesOf([scene.path, join(scene.home, "gone")], signal);
  expect([...sizes.keys()]).toEqual([scene.path]);
  expect(sizes.get(scene.path)).toBeGreaterThanOrEqual(100_000);
});

it.each([
  { title: "is packed where git finds that worth while", auto: "1", isPacked: true },
  { title: "is let alone where its owner has switched that off", auto: "0", isPacked: false },
])("a repository $title", async ({ auto, isPacked }) => {
  const scene = await alone();
  await run(scene.repo, "config", "gc.auto", auto);
  // Git estimates by one folder of loose objects: those whose names begin with 17.
  for (const text of textsOf17(4)) {
    await writeFile(join(scene.repo, "loose"), text);
    await run(scene.repo, "hash-object", "-w", "loose");
  }
  const { compactRepository } = collecting({
    home: scene.home,
    nonce: () => "n",
    now: Date.now,
    isWanted: () => false,
    mirrors: mirrors(scene.home),
    isRegistered: () => true,
  });
  expect(await compactRepository({ host: "local", repo: scene.repo }, attempt)).toEqual({});
  expect(await hasPacks(scene.repo)).toBe(isPacked);
});

it.each([
  {
    title: "is older than it is kept for goes with a compaction",
    ageMs: 2_000,
    isClosed: true,
    is: "",
  },
  { title: "is not that old stays", ageMs: 1_000, isClosed: true, is: REF },
  {
    title: "is of a session that goes on, or of another home, stays",
    ageMs: 2_000,
    isClosed: false,
    is: REF,
  },
])("kept work that $title (DR5)", async ({ ageMs, isClosed, is }) => {
  const scene = await alone();
  await scene.prepare();
  await writeFile(join(scene.path, "work"), "mine");
  expect(await scene.reclaim()).toEqual({ removed: true, preserved: REF });
  const [work] = await listPreserved({ cwd: scene.repo });
  const { compactRepository } = collecting({
    home: scene.home,
    nonce: () => "n",
    now: () => (work?.at ?? 0) + ageMs,
    isWanted: () => false,
    mirrors: mirrors(scene.home),
    isRegistered: () => true,
    kept: { ms: 1_500, isClosed: (id) => isClosed && id === work?.workspace },
  });
  const dropped = is === "" ? { dropped: [REF] } : {};
  expect(await compactRepository({ host: "local", repo: scene.repo }, attempt)).toEqual(dropped);
  expect(await run(scene.repo, "for-each-ref", "--format=%(refname)", "refs/ao")).toBe(is);
});

function textsOf17(count: number): string[] {
  const texts: string[] = [];
  for (let n = 0; texts.length < count; n += 1) {
    const text = String(n);
    const blob = `blob ${text.length}\0${text}`;
    if (createHash("sha1").update(blob).digest("hex").startsWith("17")) texts.push(text);
  }
  return texts;
}

async function hasPacks(repo: string): Promise<boolean> {
  const names = await readdir(join(repo, ".git/objects/pack")).catch(() => []);
  return names.some((name) => name.endsWith(".pack"));
}
