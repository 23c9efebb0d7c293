import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { z } from "zod";
import { tempFolder } from "../support/folder.ts";
import { eventually } from "../support/eventually.ts";

const PROGRAMS = [dirname(process.execPath), resolve("node_modules/.bin"), process.env["PATH"]];

interface Ended {
  readonly code: number | undefined;
  readonly text: string;
  /** Folders that the run has left. */
  readonly left: readonly string[];
}

it.each([
  {
    title: "removes all its folders when all is well",
    body: "",
    code: 0,
    left: 0,
    says: "1 passed",
  },
  {
    title: "keeps the folder of a failed test",
    body: "expect(folder).toBe('');",
    code: 1,
    left: 1,
    says: "kept for looking at",
  },
  {
    title: "fails when a process outlives it, even one in a session of its own",
    body: "spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref();",
    code: 1,
    left: 1,
    says: "sleep 1000",
  },
  {
    title: "fails on a warning of Node",
    body: "process.emitWarning('too many'); await new Promise(setImmediate);",
    code: 1,
    left: 0,
    says: "too many",
  },
  {
    title: "fails on a rejection that nobody handles",
    body: "void Promise.reject(new Error('lost')); await new Promise(setImmediate);",
    code: 1,
    left: 0,
    says: "lost",
  },
])("a run of the tests $title", async ({ body, code, left, says }) => {
  const ended = await runTests(body);
  expect(ended.text).toContain(says);
  expect([ended.code, ended.left.length]).toEqual([code, left]);
});

const GOOD = { types: "true", lint: "true", format: "true", unused: "true" };
const report = (passed: number, failed: number, exitCode: number): string =>
  `node report.cjs '{"numPassedTests":${passed},"numFailedTests":${failed}}' ${exitCode}`;

it.each([
  {
    title: "each check and each test",
    scripts: { ...GOOD, test: report(38, 0, 0) },
    last: "42 passed, 0 failed",
    code: 0,
  },
  {
    title: "up to the first check that fails",
    scripts: { ...GOOD, lint: "false", test: report(38, 0, 0) },
    last: "1 passed, 1 failed",
    code: 1,
  },
  {
    title: "failed tests",
    scripts: { ...GOOD, test: report(36, 2, 1) },
    last: "40 passed, 2 failed",
    code: 1,
  },
  {
    title: "a run that fails without a failed test as one failure",
    scripts: { ...GOOD, test: report(38, 0, 1) },
    last: "42 passed, 1 failed",
    code: 1,
  },
  {
    title: "a run that ends before its report as one failure",
    scripts: { ...GOOD, test: "false" },
    last: "4 passed, 1 failed",
    code: 1,
  },
])("the checks count $title (C1, C2)", async ({ scripts, last, code }) => {
  const { exitCode, stdout } = await startChecks(tempFolder(), scripts);
  expect([stdout.split("\n").at(-1), exitCode]).toEqual([last, code]);
});

it("ends everything it started and still gives the numbers when it is interrupted (C1, C3)", async () => {
  const folder = tempFolder();
  const checks = startChecks(folder, { ...GOOD, test: "node hang.cjs" });
  const file = join(folder, "pid");
  const pid = await eventually(() =>
    z.coerce.number().int().min(2).parse(readFileSync(file, "utf8")),
  );
  checks.kill("SIGINT");
  const { exitCode, stdout } = await checks;
  expect([stdout.split("\n").at(-1), exitCode]).toEqual(["4 passed, 1 failed", 130]);
  await expect.poll(() => isAlive(pid)).toBe(false);
});

async function runTests(body: string): Promise<Ended> {
  const folder = tempFolder();
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  mkdirSync(join(folder, "test"));
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
  symlinkSync(resolve("test/support"), join(folder, "test/support"));
  copyFileSync("vitest.config.ts", join(folder, "vitest.config.ts"));
  writeFileSync(
    join(folder, "test/one.test.ts"),
    `import { spawn } from "node:child_process";
     import { expect, it } from "vitest";
     import { tempFolder } from "./support/folder.ts";
     it("runs", async () => { const folder = tempFolder(); expect(spawn).toBeDefined(); ${body} });`,
  );
  const { exitCode, all } = await execa("vitest", ["run"], {
    cwd: folder,
    env: environment(temporary),
    extendEnv: false,
    reject: false,
    all: true,
  });
  return { code: exitCode, text: all, left: readdirSync(temporary) };
}

function startChecks(folder: string, scripts: Readonly<Record<string, string>>) {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ scripts }));
  writeFileSync(
    join(folder, "report.cjs"),
    `const [, , text, code, ...more] = process.argv;
     const path = more.find((word) => word.startsWith("--outputFile.json=")).split("=")[1];
     require("node:fs").writeFileSync(path, text);
     process.exitCode = Number(code);`,
  );
  writeFileSync(
    join(folder, "hang.cjs"),
    `const { spawn } = require("node:child_process");
     const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
     require("node:fs").writeFileSync("pid", String(child.pid));
     setInterval(() => {}, 1000);`,
  );
  return execa(process.execPath, [resolve("test/checks.ts")], {
    cwd: folder,
    env: environment(folder),
    extendEnv: false,
    reject: false,
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Dead, but its new parent has not taken note yet.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function environment(temporary: string): Record<string, string> {
  return { PATH: PROGRAMS.join(delimiter), TMPDIR: temporary };
}
