import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it, vi } from "vitest";
import { checks } from "../../../adapters/forge/checks.ts";
import type { EffectData } from "../../../machines/effects.ts";
import {
  commitFile,
  repositoryAlone,
  repositoryWithOrigin,
  run,
} from "../../support/repository.ts";
import { eventually } from "../../support/eventually.ts";

interface Scene {
  readonly home: string;
  readonly repo: string;
  readonly headSha: string;
  run(
    commands: readonly string[],
    signal?: AbortSignal,
  ): ReturnType<ReturnType<typeof checks>["runChecks"]>;
}

async function scene(): Promise<Scene> {
  const { home, path: repo } = await repositoryAlone();
  const headSha = await run(repo, "rev-parse", "HEAD");
  const { runChecks } = checks({ home });
  return {
    home,
    repo,
    headSha,
    run: (commands, signal = new AbortController().signal) =>
      runChecks(dataOf(repo, headSha, commands), {
        effectId: "e",
        orderedAt: 0,
        attempt: 1,
        signal,
      }),
  };
}

function dataOf(
  repo: string,
  headSha: string,
  commands: readonly string[],
): EffectData<"runChecks"> {
  const asked = commands.map((command, n) => ({ name: `check ${n}`, command }));
  return { repo, projectId: "mer", number: 7, headSha, checks: asked, env: { COLOUR: "blue" } };
}

/** No checkout is left, neither as a folder nor in git. */
async function expectTidy({ home, repo }: Scene): Promise<void> {
  expect(await readdir(join(home, "checks")).catch(() => [])).toEqual([]);
  expect(await readdir(join(repo, ".git/worktrees")).catch(() => [])).toEqual([]);
}

/** Whether the process still runs; one that has ended and that nobody has asked after yet does not. */
async function isAlive(pidFile: string): Promise<boolean> {
  const pid = Number(await readFile(pidFile, "utf8"));
  const { stdout } = await execa("ps", ["-o", "stat=", "-p", String(pid)], { reject: false });
  return stdout !== "" && !stdout.startsWith("Z");
}

describe("checks", () => {
  it("tell the exit code and the log of each command", async () => {
    const here = await scene();
    const { headSha, checks: results } = await here.run([
      "echo out; echo err >&2",
      "echo no; exit 3",
      "kill -9 $$",
    ]);
    expect(headSha).toBe(here.headSha);
    expect(results).toMatchObject([
      { name: "check 0", passed: true, exitCode: 0, logTail: "out\nerr\n" },
      { name: "check 1", passed: false, exitCode: 3, logTail: "no\n" },
      { name: "check 2", passed: false, exitCode: null, logTail: "" },
    ]);
    await expectTidy(here);
  });

  it("see the commit as it is, and nothing of the person's own checkout (C1)", async () => {
    const here = await scene();
    await writeFile(join(here.repo, "README"), "changed");
    await writeFile(join(here.repo, "new"), "");
    await commitFile(here.repo, "later", "");
    const { checks: results } = await here.run([
      "ls; cat README; git rev-parse HEAD; git status --porcelain",
    ]);
    expect(results[0]?.logTail).toBe(`README\nfirst\n${here.headSha}\n`);
  });

  it("have CI and the project's variables, and none of the daemon's own", async () => {
    const here = await scene();
    vi.stubEnv("AO_TOKEN", "secret");
    vi.stubEnv("GIT_DIR", "/nowhere");
    const { checks: results } = await here.run([
      'echo "$CI $COLOUR ${AO_TOKEN-none} ${GIT_DIR-none} ${GIT_OPTIONAL_LOCKS-none}"',
    ]);
    expect(results[0]?.logTail).toBe("true blue none none none\n");
  });

  it("run on a commit that only origin has", async () => {
    const { home, path: repo } = await repositoryWithOrigin();
    await run(home, "clone", "--quiet", "origin.git", "other");
    const headSha = await commitFile(join(home, "other"), "a", "1");
    await run(join(home, "other"), "push", "--quiet", "origin", "HEAD:work");
    const attempt = {
      effectId: "e",
      orderedAt: 0,
      attempt: 1,
      signal: new AbortController().signal,
    };
    const { checks: results } = await checks({ home }).runChecks(
      dataOf(repo, headSha, ["cat a"]),
      attempt,
    );
    expect(results).toMatchObject([{ passed: true, logTail: "1" }]);
  });

  it("fail clearly on a commit that nobody has", async () => {
    const { home, repo } = await scene();
    const attempt = {
      effectId: "e",
      orderedAt: 0,
      attempt: 1,
      signal: new AbortController().signal,
    };
    const data = dataOf(repo, "0123456789012345678901234567890123456789", ["true"]);
    await expect(checks({ home }).runChecks(data, attempt)).rejects.toMatchObject({
      code: "BRANCH_UNKNOWN",
    });
    expect(await readdir(join(home, "checks"))).toEqual([]);
  });

  it.each([
    { title: "plain text", command: "seq 1 100000", says: /^\d*\n(?:\d+\n)+100000\n$/ },
    {
      title: "characters of several bytes",
      command: "yes ä€😀 | head -c 10001",
      says: /^[ä€😀\n]+\uFFFD?$/u,
    },
    {
      title: "bytes that are no text",
      command: "head -c 20000 /dev/zero | tr '\\0' '\\377'",
      says: /^\uFFFD+$/,
    },
  ])("keep at most the last 4 KiB of $title, as text (C4)", async ({ command, says }) => {
    const { checks: results } = await (await scene()).run([command]);
    const log = results[0]?.logTail ?? "";
    expect(log).toMatch(says);
    expect(Buffer.byteLength(log)).toBeLessThanOrEqual(4_096);
    expect(Buffer.byteLength(log)).toBeGreaterThan(4_000);
  });

  it("of two runs on the same commit do not disturb each other", async () => {
    const here = await scene();
    const file = (name: string) => join(here.home, name);
    const first = here.run([
      `touch '${file("begun")}'; until test -e '${file("go")}'; do :; done; cat README`,
    ]);
    await eventually(async () => readFile(file("begun")));
    const { checks: second } = await here.run(["rm README"]);
    await writeFile(file("go"), "");
    expect(second).toMatchObject([{ passed: true }]);
    expect((await first).checks).toMatchObject([{ passed: true, logTail: "first\n" }]);
    await expectTidy(here);
  });

  it("make no checkout when the project has none", async () => {
    const here = await scene();
    expect(await here.run([])).toEqual({ headSha: here.headSha, checks: [] });
  });
});

describe("the processes of checks", () => {
  it("orcha-272: end with their command, even those that left its group and hold its output (C3)", async () => {
    const here = await scene();
    const pid = (name: string) => join(here.home, name);
    const { checks: results } = await here.run([
      `sleep 60 & echo $! > '${pid("child")}'; setsid sh -c 'echo $$ > "${pid("gone")}"; exec sleep 60' &
       until test -s '${pid("gone")}'; do :; done; echo done`,
    ]);
    expect(results).toMatchObject([{ passed: true, logTail: "done\n" }]);
    await eventually(async () => {
      expect([await isAlive(pid("child")), await isAlive(pid("gone"))]).toEqual([false, false]);
    });
  });

  it("end when the attempt is aborted, and there is no result then (C2, C3)", async () => {
    const here = await scene();
    const pid = join(here.home, "pid");
    const stop = new AbortController();
    const running = here.run([`sleep 60 & echo $! > '${pid}'; wait`], stop.signal);
    await eventually(async () => expect(await readFile(pid, "utf8")).not.toBe(""));
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: "DEADLINE_PASSED" });
    await eventually(async () => expect(await isAlive(pid)).toBe(false));
    await expectTidy(here);
  });

  it("end, and their checkouts go, at the next run after the daemon was killed (C3)", async () => {
    const here = await scene();
    const pid = join(here.home, "pid");
    const stale = join(here.home, "checks/mer-6-01234567.89abcdef");
    await mkdir(join(here.home, "checks"));
    await run(here.repo, "worktree", "add", "--quiet", "--detach", stale);
    // As the killed daemon started it: in its own session, known by its environment alone.
    const orphan = execa("sh", ["-c", `echo $$ > '${pid}'; exec sleep 60`], {
      env: { AO_CHECKOUT: stale },
      detached: true,
      reject: false,
    });
    await eventually(async () => expect(await readFile(pid, "utf8")).not.toBe(""));
    await here.run(["true"]);
    expect(await orphan).toMatchObject({ signal: "SIGKILL" });
    await expectTidy(here);
  });
});
