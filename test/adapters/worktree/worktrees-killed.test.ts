import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { worktrees } from "../../../adapters/worktree/worktrees.ts";
import { COMPILED } from "../../support/compiled.ts";
import { repositoryWithOrigin, run } from "../../support/repository.ts";
import { eventually } from "../../support/eventually.ts";

// W3 of worktrees.ts: another process carries the effect out and is killed on the way; then it is carried out here.

type Effect = "prepareWorkspace" | "reclaimWorkspace";

interface World {
  readonly home: string;
  readonly repo: string;
  /** Folder with a `git` that kills its caller at call `KILL_AT`, before or after it ran the real one. */
  readonly bin: string;
}

async function makeWorld(files: number): Promise<World> {
  const { home, path: repo } = await repositoryWithOrigin();
  await mkdir(join(repo, "files"));
  await Promise.all(
    Array.from({ length: files }, (_, n) => writeFile(join(repo, `files/${n}`), `${n}\n`)),
  );
  await run(repo, "add", "--all");
  await run(repo, "commit", "--quiet", "--allow-empty", "-m", "files");
  await run(repo, "push", "--quiet", "origin", "main");
  const bin = join(home, "bin");
  await mkdir(bin);
  const { stdout: real } = await execa("sh", ["-c", "command -v git"]);
  const script = `#!/bin/sh
n=0
if [ -e "$KILL_COUNT" ]; then read -r n < "$KILL_COUNT"; fi
n=$((n + 1))
echo $n > "$KILL_COUNT"
if [ "$n" = "$KILL_AT" ] && [ "$KILL_WHEN" = before ]; then kill -9 $PPID; exit 1; fi
${real} "$@"
code=$?
if [ "$n" = "$KILL_AT" ]; then kill -9 $PPID; fi
exit $code
`;
  await writeFile(join(bin, "git"), script, { mode: 0o755 });
  return { home, repo, bin };
}

function dataOf({ home, repo }: World, workspace: string) {
  return {
    workspace,
    host: "local",
    epoch: 1,
    isAgain: false,
    path: join(home, "worktrees/mer", workspace),
    spec: { projectId: "mer", repo, branch: `ao/${workspace}`, baseRef: "main" },
  };
}

/** Carries the effect out in a process of its own. */
function elsewhere(
  world: World,
  effect: Effect,
  workspace: string,
  env: Record<string, string> = {},
) {
  const adapter = new URL("../../../adapters/worktree/worktrees.ts", import.meta.url).href;
  const code = `
    import { worktrees } from ${JSON.stringify(adapter)};
    const adapters = worktrees({ home: ${JSON.stringify(world.home)} });
    const attempt = { effectId: "e", orderedAt: 0, attempt: 1, signal: new AbortController().signal };
    console.log("go");
    await adapters.${effect}(${JSON.stringify({ ...dataOf(world, workspace), isAgain: true })}, attempt);
    console.log("done");`;
  return execa("node", ["--input-type=module", "-e", code], {
    reject: false,
    env: { ...COMPILED, ...env },
  });
}

/** Carries the effect out here, again after failures that allow it, as a lane does. */
async function here(
  world: World,
  effect: Effect,
  workspace: string,
  isAgain = false,
): Promise<unknown> {
  const attempt = { effectId: "e", orderedAt: 0, attempt: 2, signal: new AbortController().signal };
  const adapter = worktrees({ home: world.home })[effect];
  const data = { ...dataOf(world, workspace), isAgain };
  return eventually(async () => adapter(data, attempt));
}

async function expectWhole(world: World, workspace: string): Promise<void> {
  const { path, spec } = dataOf(world, workspace);
  expect(await run(path, "status", "--porcelain")).toBe("");
  expect(await run(path, "branch", "--show-current")).toBe(spec.branch);
  const listed = await run(world.repo, "worktree", "list", "--porcelain");
  expect(listed.split("\n").filter((line) => line === `worktree ${path}`)).toHaveLength(1);
  expect(await readdir(join(world.home, "worktrees/mer/.making"))).toEqual([]);
}

async function expectGone(world: World, workspace: string): Promise<void> {
  const names = await readdir(join(world.home, "worktrees/mer"));
  expect(names.filter((name) => name.includes(workspace))).toEqual([]);
  expect(await run(world.repo, "worktree", "list", "--porcelain")).not.toContain(`/${workspace}`);
  const gitDirs = await readdir(join(world.repo, ".git/worktrees")).catch(() => []);
  expect(gitDirs.filter((name) => name.startsWith(`${workspace}.`))).toEqual([]);
}

it.each(["before", "after"])(
  "ends the same when it is killed just %s any of its git commands (W3)",
  async (when) => {
    const world = await makeWorld(1);
    let kills = 0;
    for (const effect of ["prepareWorkspace", "reclaimWorkspace"] as const) {
      for (let at = 1; ; at += 1) {
        const workspace = `${effect[0]}${at}`;
        if (effect === "reclaimWorkspace") await here(world, "prepareWorkspace", workspace);
        const KILL_COUNT = join(world.home, `count-${workspace}`);
        const env = {
          PATH: `${world.bin}:${process.env["PATH"]}`,
          KILL_AT: `${at}`,
          KILL_WHEN: when,
          KILL_COUNT,
        };
        const killed = await elsewhere(world, effect, workspace, env);
        if (killed.stdout.includes("done")) break;
        expect(killed.signal).toBe("SIGKILL");
        kills += 1;
        await here(world, effect, workspace);
        await (effect === "prepareWorkspace" ? expectWhole : expectGone)(world, workspace);
      }
    }
    expect(kills).toBeGreaterThan(15);
  },
  120_000,
);

it("loses no work when it is killed at its git commands, at the removal or when it is put back (W4)", async () => {
  const world = await makeWorld(1);
  let kills = 0;
  for (const effect of ["reclaimWorkspace", "prepareWorkspace"] as const) {
    // Every third: each takes four whole runs of git.
    for (let at = 1; ; at += 3) {
      const workspace = `w${effect[0]}${at}`;
      await here(world, "prepareWorkspace", workspace);
      const { path } = dataOf(world, workspace);
      await writeFile(join(path, "README"), "changed\n");
      await writeFile(join(path, "new"), "new\n");
      if (effect === "prepareWorkspace") await here(world, "reclaimWorkspace", workspace);
      const KILL_COUNT = join(world.home, `count-${workspace}`);
      const killed = await elsewhere(world, effect, workspace, {
        PATH: `${world.bin}:${process.env["PATH"]}`,
        KILL_AT: `${at}`,
        KILL_WHEN: at % 2 === 0 ? "before" : "after",
        KILL_COUNT,
      });
      const isDone = killed.stdout.includes("done");
      await here(world, "reclaimWorkspace", workspace);
      await expectGone(world, workspace);
      const again = await here(world, "prepareWorkspace", workspace, true);
      expect(again).toMatchObject({ preserved: { isApplied: true } });
      expect(await run(path, "status", "--porcelain")).toBe(" M README\n?? new");
      expect(await readFile(join(path, "README"), "utf8")).toBe("changed\n");
      expect(await run(world.repo, "for-each-ref", `refs/ao/preserved/${workspace}`)).toBe("");
      if (isDone) break;
      kills += 1;
    }
  }
  expect(kills).toBeGreaterThan(6);
}, 120_000);

it("ends the same when it is killed at any moment, with or without the git it has started (W3)", async () => {
  const world = await makeWorld(1_500);
  expect.hasAssertions();
  for (let round = 0; round < 10; round += 1) {
    const workspace = `k${round}`;
    const effect = round % 4 === 3 ? "reclaimWorkspace" : "prepareWorkspace";
    if (effect === "reclaimWorkspace") await here(world, "prepareWorkspace", workspace);
    const child = elsewhere(world, effect, workspace);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    await killAfter(child, round * 14);
    if (round % 2 === 0) await killGit(world.home);
    await child;
    await here(world, effect, workspace);
    await (effect === "prepareWorkspace" ? expectWhole : expectGone)(world, workspace);
  }
}, 120_000);

// A moment, not a wait for something: where it falls is up to chance.
function killAfter(child: { kill(signal: "SIGKILL"): boolean }, ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => {
      child.kill("SIGKILL");
      resolve();
    }, ms);
  });
}

async function killGit(folder: string): Promise<void> {
  for (const pid of await readdir("/proc").catch(() => [])) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (!command.startsWith("git\0") || !command.includes(folder)) continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}
