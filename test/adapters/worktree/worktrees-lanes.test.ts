import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it, vi } from "vitest";
import { worktrees } from "../../../adapters/worktree/worktrees.ts";
import { commitFile, repositoryWithOrigin, run } from "../../support/repository.ts";

// W7 of worktrees.ts: what may be done at once in one repository, and what may not.

const attempt = (signal = new AbortController().signal) => ({
  effectId: "x#1.0",
  orderedAt: 0,
  attempt: 1,
  signal,
});

function dataOf(repo: string, workspace: string) {
  const spec = { projectId: "mer", repo, branch: `ao/${workspace}`, baseRef: "main" };
  return { workspace, host: "local", epoch: 1, isAgain: false, path: null, spec };
}

it("the end of a making begins when its git has let go, and finds all that it made (W7)", async () => {
  const { home, path: repo } = await repositoryWithOrigin();
  const { stdout: real } = await execa("sh", ["-c", "command -v git"]);
  const log = join(home, "log");
  const bin = join(home, "bin");
  await mkdir(bin);
  // A git that takes its time to end, as one that must tidy up.
  const script = `#!/bin/sh
echo call >> ${log}
case "$*" in
*"worktree add"*) trap 'sleep 0.3; echo ended >> ${log}; exit 143' TERM; echo adding >> ${log}; sleep 60 & wait;;
*) exec ${real} "$@";;
esac
`;
  await writeFile(join(bin, "git"), script, { mode: 0o755 });
  vi.stubEnv("PATH", `${bin}:${process.env["PATH"] ?? ""}`);
  const adapters = worktrees({ home });
  const ending = new AbortController();
  const made = adapters.prepareWorkspace(dataOf(repo, "w-1"), attempt(ending.signal));
  const failed = made.catch((error: unknown) => error);
  await expect.poll(async () => readFile(log, "utf8").catch(() => "")).toContain("adding");
  ending.abort();
  expect(await adapters.reclaimWorkspace(dataOf(repo, "w-1"), attempt())).toEqual({
    removed: true,
  });
  expect(await failed).toMatchObject({ code: "DEADLINE_PASSED" });
  const calls = (await readFile(log, "utf8")).trim().split("\n");
  expect(calls.slice(calls.indexOf("adding"), calls.indexOf("adding") + 2)).toEqual([
    "adding",
    "ended",
  ]);
  expect(await readdir(join(home, "worktrees/mer/.making"))).toEqual([]);
});

it("workspaces of one repository are made and removed at once, and each ends as it would alone (W7)", async () => {
  const { home, path: repo } = await repositoryWithOrigin();
  const adapters = worktrees({ home });
  const names = Array.from({ length: 8 }, (_, n) => n);
  const make = async (name: string) => adapters.prepareWorkspace(dataOf(repo, name), attempt());
  const remove = async (name: string) => adapters.reclaimWorkspace(dataOf(repo, name), attempt());
  const old = await Promise.all(names.map(async (n) => make(`old-${n}`)));
  for (const { path } of old) {
    // oxlint-disable-next-line no-await-in-loop -- a commit each, and work that is not committed
    await commitFile(path, "code", path);
    // oxlint-disable-next-line no-await-in-loop
    await writeFile(join(path, "notes"), path);
  }
  const [made, removed] = await Promise.all([
    Promise.all(names.map(async (n) => make(`new-${n}`))),
    Promise.all(names.map(async (n) => remove(`old-${n}`))),
  ]);
  const base = await run(repo, "rev-parse", "main");
  expect(made.map(({ headSha, adopted }) => [headSha, adopted])).toEqual(
    names.map(() => [base, false]),
  );
  expect(removed).toEqual(
    names.map((n) => ({ removed: true, preserved: `refs/ao/preserved/old-${n}` })),
  );
  for (const [n, { path }] of old.entries()) {
    const kept = `refs/ao/preserved/old-${n}`;
    // oxlint-disable-next-line no-await-in-loop
    expect(await run(repo, "show", `${kept}:notes`)).toBe(path);
    // oxlint-disable-next-line no-await-in-loop
    expect(await run(repo, "show", `ao/old-${n}:code`)).toBe(path);
  }
  expect((await readdir(join(repo, ".git/worktrees"))).length).toBe(names.length);
  expect(await readdir(join(home, "worktrees/mer/.making"))).toEqual([]);
  expect(await run(repo, "fsck", "--strict", "--no-dangling")).toBe("");
});
