import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import type { Check, EffectData, EffectResult } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import type { Adapter, Attempt } from "../adapter.ts";
import { commitOf, environmentOutside, git, hasOrigin } from "../git/git.ts";
import { commonDirOf } from "../git/repository.ts";
import { addWorktree, discardWorktree, fillSubmodules } from "../git/worktrees.ts";

// Checks
//
// Runs a project's commands on one commit, in a checkout that holds nothing else. Owns `<home>/checks` and every
// process it starts there.
//
//   C1. A command sees the commit as it is: a detached checkout of its own, made new and removed afterwards.
//   C2. A result is a fact of a command that ended. Cut short by its deadline or by the daemon, there is no result.
//   C3. No process outlives its command: not at its end, not at the deadline, and not a kill of the daemon by more
//       than the time to the next run.
//   C4. What a command prints costs no memory beyond the tail that is kept.

const LOG_TAIL_BYTES = 4_096;

/** Adapter for checks below a data folder, which this process alone uses. `nonce` must never repeat. */
export function checks(options: {
  readonly home: string;
  readonly nonce?: () => string;
  readonly now?: () => number;
}): { readonly runChecks: Adapter<"runChecks"> } {
  const nonce = options.nonce ?? (() => randomBytes(4).toString("hex"));
  const now = options.now ?? (() => performance.now());
  const busy = new Set<string>();
  return {
    runChecks: async (data, attempt) => {
      if (data.checks.length === 0) return { headSha: data.headSha, checks: [] };
      const commonDir = await commonDirOf(data.repo, attempt.signal);
      const folder = await realFolder(join(options.home, "checks"));
      const name = `${data.projectId}-${data.number}-${data.headSha.slice(0, 8)}.${nonce()}`;
      const tree = { commonDir, path: join(folder, name) };
      busy.add(name);
      try {
        await sweep(folder, busy, commonDir);
        await checkOut(data, tree.path, attempt.signal);
        return {
          headSha: data.headSha,
          checks: await runAll(data, tree.path, { ...attempt, now }),
        };
      } finally {
        await discardWorktree(tree);
        busy.delete(name);
      }
    },
  };
}

type Result = EffectResult<"runChecks">["checks"][number];
type Timed = Attempt & { readonly now: () => number };

async function realFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  return realpath(path);
}

/** Ends and removes what runs before this one, of a daemon that was killed, left behind (C3). */
async function sweep(folder: string, busy: ReadonlySet<string>, commonDir: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (busy.has(name)) continue;
    const path = join(folder, name);
    // oxlint-disable-next-line eslint/no-await-in-loop -- there is hardly ever more than one
    await endProcessesOf(path);
    // oxlint-disable-next-line eslint/no-await-in-loop
    await discardWorktree({ commonDir, path });
  }
}

const CHECKOUT_VARIABLE = "AO_CHECKOUT";

/** Ends every process that was started for a checkout, known by its environment. Where there is no /proc, none is. */
async function endProcessesOf(checkout: string): Promise<void> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      if (environment.split("\0").includes(`${CHECKOUT_VARIABLE}=${checkout}`)) end(Number(pid));
    }),
  );
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

async function checkOut(
  data: EffectData<"runChecks">,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { repo, headSha } = data;
  const call = { cwd: repo, signal };
  if ((await commitOf(headSha, call)) === null && (await hasOrigin(repo, signal))) {
    await git(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin"], call);
  }
  await addWorktree({ repo, path, flags: ["--detach"], commit: headSha, signal });
  await fillSubmodules(path, signal);
}

async function runAll(
  data: EffectData<"runChecks">,
  cwd: string,
  attempt: Timed,
): Promise<Result[]> {
  const results = [];
  for (const check of data.checks) {
    // One after the other, as the project lists them: later ones may use what earlier ones built.
    // oxlint-disable-next-line eslint/no-await-in-loop
    results.push(await runOne(check, { cwd, env: environmentOf(data.env, cwd) }, attempt));
  }
  return results;
}

/** The daemon's environment without what is its own, then the project's. */
function environmentOf(
  own: Readonly<Record<string, string>>,
  checkout: string,
): Record<string, string> {
  const inherited = Object.entries(environmentOutside(process.env)).filter(
    ([name]) => !name.startsWith("AO_"),
  );
  return { ...Object.fromEntries(inherited), CI: "true", ...own, [CHECKOUT_VARIABLE]: checkout };
}

async function runOne(
  check: Check,
  where: { readonly cwd: string; readonly env: Record<string, string> },
  { signal, now }: Timed,
): Promise<Result> {
  const startedAt = now();
  const child = execa("sh", ["-c", check.command], {
    ...where,
    extendEnv: false,
    // Its own process group, so that all of it can be ended (C3).
    detached: true,
    stdin: "ignore",
    all: true,
    buffer: false,
    reject: false,
  });
  const exited = new Promise<number | null>((resolve) => {
    child.nodeChildProcess.once("exit", resolve);
    child.nodeChildProcess.once("error", () => resolve(null));
  });
  const endGroup = () => {
    if (child.pid !== undefined) end(-child.pid);
  };
  const log = keepTail(child.all);
  signal.addEventListener("abort", endGroup, { once: true });
  if (signal.aborted) endGroup();
  const exitCode = await exited;
  signal.removeEventListener("abort", endGroup);
  endGroup();
  await endProcessesOf(where.cwd);
  await Promise.race([log.ended, delay(DRAIN_MS, undefined, { ref: false })]);
  child.all.destroy();
  if (signal.aborted) {
    throw new Failure(
      "DEADLINE_PASSED",
      `check ${check.name} in ${where.cwd}: ended before it was done`,
    );
  }
  const durationMs = now() - startedAt;
  return { name: check.name, passed: exitCode === 0, exitCode, durationMs, logTail: log.text() };
}

// A process that left the group may hold the pipe open for ever; what the others printed is read well before this.
const DRAIN_MS = 500;

/** Keeps the last bytes of a stream, and no more of it (C4). */
function keepTail(stream: Readable): { readonly ended: Promise<void>; text(): string } {
  let kept = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-LOG_TAIL_BYTES);
  });
  const ended = new Promise<void>((resolve) => {
    stream.once("close", resolve);
    stream.once("error", () => resolve());
  });
  // Bytes that are no text grow when they are replaced, so the text is cut once more.
  return { ended, text: () => wholeText(Buffer.from(wholeText(kept)).subarray(-LOG_TAIL_BYTES)) };
}

/** The bytes as text, without the character that was cut in two at their beginning. */
function wholeText(bytes: Buffer): string {
  let start = 0;
  while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return bytes.subarray(start).toString();
}
