import { stat } from "node:fs/promises";
import { execa } from "execa";
import { Failure } from "../../machines/failures.ts";
import { deadline } from "../deadline.ts";
import { gitFailure } from "./failures.ts";

// Git
//
// Runs the git program. Knows how it is called and what its errors mean, not what it is called for.
//
//   G1. It never asks, pages, runs a hook, or leaves a background task behind.
//   G2. It takes no lock that it can do without, so that looking never disturbs an agent's own git.
//   G3. Variables that point git at some other repository are not inherited.
//   G4. It ends at its deadline or with its caller's signal, whichever is first.

/** How one git command is run. */
export interface GitCall {
  readonly cwd: string;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; a minute when absent. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a git command that ran to its end said. */
export interface GitAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * What the command printed, without its last newline.
 * Fails with the code of `failures.ts` when it exits with anything but 0, and as `tryGit` does.
 */
export async function git(args: readonly string[], call: GitCall): Promise<string> {
  const answer = await tryGit(args, call);
  if (answer.exitCode !== 0) throw gitFailure(said(args, call), answer.exitCode, answer.stderr);
  return answer.stdout;
}

/**
 * The command's answer, whatever its exit code.
 * Fails with REPOSITORY_INVALID when there is no such folder, PROGRAM_MISSING without git, DEADLINE_PASSED when ended.
 */
export async function tryGit(args: readonly string[], call: GitCall): Promise<GitAnswer> {
  using limit = deadline(call.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const until = call.signal ? AbortSignal.any([call.signal, limit.signal]) : limit.signal;
  if (until.aborted) throw late(args, call);
  const child = execa("git", [...SETTINGS, ...args], {
    cwd: call.cwd,
    env: { ...environmentOutside(process.env), ...QUIET, ...call.env },
    extendEnv: false,
    stdin: "ignore",
    reject: false,
    // Git starts helpers (ssh, filters) that would hold its output open after it was ended: they are ended with it.
    detached: true,
  });
  const end = () => endGroup(child.pid);
  until.addEventListener("abort", end, { once: true });
  const result = await child;
  until.removeEventListener("abort", end);
  if (result.exitCode === 0) return { exitCode: 0, stdout: result.stdout, stderr: result.stderr };
  if (until.aborted) throw late(args, call, result);
  if (result.exitCode !== undefined) {
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  }
  if (result.code === "ENOENT" || result.code === "ENOTDIR")
    throw await missing(args, call, result);
  throw new Failure("GIT_FAILED", `${said(args, call)}: ${result.shortMessage ?? "no exit code"}`, {
    cause: result,
  });
}

/** Whether the folder's repository has a remote called origin: then that is where its branches are published. */
export async function hasOrigin(cwd: string, signal?: AbortSignal): Promise<boolean> {
  const { exitCode } = await tryGit(["config", "--get", "remote.origin.url"], { cwd, signal });
  return exitCode === 0;
}

/** The id of a commit by any name git knows; null when there is none of that name. */
export async function commitOf(name: string, call: GitCall): Promise<string | null> {
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`];
  const { exitCode, stdout } = await tryGit(args, call);
  return exitCode === 0 ? stdout : null;
}

/**
 * Brings one branch of origin here, as `refs/remotes/origin/<branch>`.
 * Fails with REMOTE_UNREACHABLE, or with BRANCH_UNKNOWN when origin has none of that name.
 */
export async function fetchBranch(branch: string, call: GitCall): Promise<void> {
  const refspec = `+refs/heads/${branch}:refs/remotes/origin/${branch}`;
  await git(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", refspec], call);
}

/** `env` without the variables that point git at the repository of whoever started us (G3). */
export function environmentOutside(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (!entry[0].startsWith("GIT_") || KEPT.test(entry[0])),
  );
  return Object.fromEntries(kept);
}

const DEFAULT_TIMEOUT_MS = 60_000;

// How to reach a remote and who one is; everything else of GIT_ belongs to the caller's repository (G3).
const KEPT =
  /^GIT_(?:SSH|SSL|PROXY|CONFIG_GLOBAL$|CONFIG_SYSTEM$|CONFIG_NOSYSTEM$|AUTHOR_|COMMITTER_)/;

const QUIET = {
  LC_ALL: "C",
  LANGUAGE: "",
  GIT_TERMINAL_PROMPT: "0",
  // Empty is none, also where SSH_ASKPASS or the configuration name a window that asks.
  GIT_ASKPASS: "",
  SSH_ASKPASS_REQUIRE: "never",
  GIT_PAGER: "cat",
  GIT_OPTIONAL_LOCKS: "0",
} as const;

const SETTINGS = [
  "core.hooksPath=/dev/null",
  "core.quotePath=false",
  "core.fsmonitor=false",
  "color.ui=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "submodule.recurse=false",
  "fetch.recurseSubmodules=false",
  "push.recurseSubmodules=no",
].flatMap((setting) => ["-c", setting]);

// Git removes its locks when it is asked to end, so it is asked first.
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  signalGroup(pid, "SIGTERM");
  setTimeout(() => signalGroup(pid, "SIGKILL"), 1_000).unref();
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}

function late(args: readonly string[], call: GitCall, cause?: unknown): Failure {
  return new Failure("DEADLINE_PASSED", `${said(args, call)}: ended before it was done`, { cause });
}

function said(args: readonly string[], call: GitCall): string {
  return `git ${args.slice(0, 3).join(" ")} in ${call.cwd}`;
}

// A folder that is not there and a program that is not there give the same error.
async function missing(args: readonly string[], call: GitCall, cause: unknown): Promise<Failure> {
  const folder = await stat(call.cwd).catch(() => undefined);
  if (folder?.isDirectory()) {
    return new Failure("PROGRAM_MISSING", `${said(args, call)}: there is no git on PATH`, {
      cause,
    });
  }
  return new Failure("REPOSITORY_INVALID", `${said(args, call)}: there is no such folder`, {
    cause,
  });
}
