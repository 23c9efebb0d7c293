import { freeBytesNow } from "../../adapters/disk.ts";
import { shellWord } from "../../machines/shell-word.ts";
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { z } from "zod";
import {
  describeRepository,
  inspectRepository,
  isBareRepository,
} from "../../adapters/git/repository.ts";
import { foreignPanes } from "../../adapters/terminal/panes.ts";
import { tmuxClient } from "../../adapters/terminal/tmux.ts";
import { tmuxServers } from "../../adapters/terminal/tmux-servers.ts";
import { fenceObstacle } from "../../adapters/worktree/reviewer-fence.ts";
import type { ProjectView } from "../../http/schemas.ts";
import { Failure } from "../../machines/failures.ts";
import { lastGenerationIn } from "../../storage/generation.ts";
import { checkStore } from "../../storage/lmdb-store.ts";
import { holderOf } from "../../storage/writer-lock.ts";
import { homeOf, readRunFile } from "../run-file.ts";
import { ask, query, part } from "../cli/api.ts";
import { agentOf } from "../cli/client.ts";
import { EXIT } from "../cli/exit.ts";
import { LAUNCHER, storedSecrets } from "../home.ts";
import { versionOf } from "../version.ts";
import { paint, print, type Output } from "../cli/output.ts";
import { readiness, running } from "./daemon.ts";
import { agentFindings } from "./doctor-programs.ts";
import { settingsFindings } from "./doctor-settings.ts";
import type { Finding } from "./finding.ts";

type Project = z.infer<typeof ProjectView>;

const MOST_PROJECTS = 1_000;
// A store needs room to write while it keeps what it has.
const FREE_BYTES = 512 * 1024 * 1024;
// A daemon that hangs is one of the things it is asked about.
const DOCTOR_WAITS_MS = 10_000;
const RESTART = "ao down && ao up --detach";
const INSTALL = process.platform === "darwin" ? "brew install" : "sudo apt-get install -y";

/** Looks at everything the daemon needs and says how to mend what is wrong. The answer is 0 when nothing is. */
export async function doctor(output: Output): Promise<number> {
  const home = homeOf(process.env);
  const folder = homeFinding(home);
  const findings = [
    nodeFinding(),
    ...(await programFindings()),
    await identityFinding(),
    folder,
    diskFinding(home),
    // Nothing can lie in a folder that is none.
    ...(folder.isFine ? await insideFindings(home) : []),
  ];
  const isFine = findings.every((finding) => finding.isFine);
  print(output, { isFine, findings }, (facts) =>
    facts.findings.map((finding) => lineOf(output, finding)).join("\n"),
  );
  return isFine ? EXIT.done : EXIT.failed;
}

async function insideFindings(home: string): Promise<Finding[]> {
  return [
    ...(await settingsFindings(home)),
    secretsFinding(home),
    storeFinding(home),
    runFileFinding(home),
    await daemonFinding(home),
    await socketFinding(home),
    await panesFinding(home),
    await reviewersFinding(home),
    ...(await projectFindings(home)),
  ];
}

function lineOf(output: Output, { name, isFine, found, mend }: Finding): string {
  const mark = isFine ? paint(output, "green", "ok   ") : paint(output, "red", "wrong");
  return `${mark} ${name.padEnd(12)} ${found}${mend === undefined ? "" : `\n      mend it with: ${mend}`}`;
}

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isFine = major > 22 || (major === 22 && minor >= 18);
  const found = `${process.versions.node}${isFine ? "" : ", needs 22.18 or newer"}`;
  return {
    name: "node",
    isFine,
    found,
    ...(isFine ? {} : { mend: "npm install --global node@24" }),
  };
}

async function programFindings(): Promise<Finding[]> {
  const isOwnNats = (process.env["AO_NATS_URL"] ?? "") === "";
  const programs = [
    ...(isOwnNats
      ? [{ name: "nats-server", flag: "--version", from: [2, 9], why: "JetStream" }]
      : []),
    { name: "tmux", flag: "-V", from: [3, 0], why: "exact targets" },
    { name: "git", flag: "--version", from: [2, 30], why: "worktrees" },
  ];
  const found = await Promise.all(
    programs.map(async (program): Promise<Finding> => {
      const { name, from, why } = program;
      const mend = `${INSTALL} ${name}`;
      const said = await versionText(name, program.flag);
      if (said === undefined) return { name, isFine: false, found: "not on PATH", mend };
      const version = /(\d+)\.(\d+)/.exec(said)?.slice(1).map(Number) ?? [0, 0];
      const isFine = isAtLeast(version, from);
      const wants = isFine ? "" : `, needs ${from.join(".")} or newer for ${why}`;
      return { name, isFine, found: `${said}${wants}`, ...(isFine ? {} : { mend }) };
    }),
  );
  return isOwnNats ? [...found, natsFeatures(found[0])] : found;
}

/** Whether git knows who commits, here or anywhere: agents must. */
async function identityFinding(): Promise<Finding> {
  const name = "git identity";
  try {
    const { stdout } = await promisify(execFile)("git", ["var", "GIT_COMMITTER_IDENT"]);
    return { name, isFine: true, found: stdout.trim().replace(/ \d+ [-+]\d+$/, "") };
  } catch {
    const found = "git does not know who commits, so agents cannot";
    const mend = "git config --global user.name NAME && git config --global user.email EMAIL";
    return { name, isFine: false, found, mend };
  }
}

/** What this server can do beyond what is needed. */
function natsFeatures(server: Finding | undefined): Finding {
  const version = /(\d+)\.(\d+)/
    .exec(server?.found ?? "")
    ?.slice(1)
    .map(Number) ?? [0, 0];
  const name = "jetstream";
  if (server?.isFine !== true) {
    return {
      name,
      isFine: false,
      found: "no server to ask",
      ...(server?.mend === undefined ? {} : { mend: server.mend }),
    };
  }
  const syncs = isAtLeast(version, [2, 10])
    ? "can be told to flush every message"
    : "flushes lazily: a power cut may lose observations, which probes repeat";
  return { name, isFine: true, found: syncs };
}

function isAtLeast(
  [major = 0, minor = 0]: readonly number[],
  [most = 0, least = 0]: readonly number[],
): boolean {
  return major > most || (major === most && minor >= least);
}

async function versionText(program: string, flag: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(program, [flag], { timeout: 10_000 });
    return stdout.trim().split("\n")[0];
  } catch {
    return undefined;
  }
}

function homeFinding(home: string): Finding {
  const folder = existing(home);
  if (!statSync(folder).isDirectory()) {
    const mend = 'export AO_HOME="$HOME/.ao"';
    return { name: "home", isFine: false, found: `${folder} is a file, not a folder`, mend };
  }
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return { name: "home", isFine: true, found: folder === home ? home : `${home} (will be made)` };
  } catch (error) {
    // Only of the data directory itself: what it would be made in is not ours to take.
    const isHome = folder === home;
    const isReadOnly = error instanceof Error && "code" in error && error.code === "EROFS";
    const taken = isReadOnly
      ? `sudo mount -o remount,rw "$(findmnt -n -o TARGET --target ${shellWord(folder)})"`
      : `sudo chown -R "$(id -un)" ${shellWord(folder)}`;
    const mend = isHome ? taken : 'export AO_HOME="$HOME/.ao"';
    return { name: "home", isFine: false, found: `${folder} is not writable`, mend };
  }
}

function diskFinding(home: string): Finding {
  const free = freeBytesNow(existing(home));
  if (free === undefined)
    return { name: "disk", isFine: true, found: "does not say how full it is" };
  const found = `${Math.floor(free / 1_048_576)} MiB free`;
  if (free >= FREE_BYTES) return { name: "disk", isFine: true, found };
  return { name: "disk", isFine: false, found, mend: "ao cleanup" };
}

function secretsFinding(home: string): Finding {
  const name = "secrets";
  try {
    const found = storedSecrets(home) === undefined ? "none yet" : "secrets.json is valid";
    return { name, isFine: true, found };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const mend = `rm ${shellWord(join(home, "secrets.json"))} # agents that run are refused until they are started again`;
    return { name, isFine: false, found: error.message, mend };
  }
}

/** The store as it lies there; one that is open is looked after by who has it open. */
function storeFinding(home: string): Finding {
  const name = "store";
  const folder = join(home, "lmdb");
  const isOpen = [home, folder].some((each) => holderOf(each) !== undefined);
  if (isOpen) return { name, isFine: true, found: "open" };
  try {
    checkStore(folder);
    return { name, isFine: true, found: existsSync(folder) ? "sound" : "none yet" };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const [from, aside] = [shellWord(folder), shellWord(`${folder}.damaged`)];
    const mend = `mv ${from} ${aside} && mkdir ${from} && cp BACKUP/data.mdb ${from} # BACKUP: what ao backup made`;
    return { name, isFine: false, found: error.message, mend };
  }
}

function runFileFinding(home: string): Finding {
  const name = "run.json";
  if (!existsSync(join(home, name))) return { name, isFine: true, found: "none" };
  if (running(home) !== undefined) return { name, isFine: true, found: "names a running daemon" };
  if (readRunFile(home) !== undefined) {
    return { name, isFine: false, found: "left by a daemon that is gone", mend: "ao up --detach" };
  }
  // Nobody finds the daemon that wrote it; the lock still tells which it is, and so does `ao down`.
  const isHeld = holderOf(home) !== undefined;
  const found = isHeld ? "damaged, while a daemon runs" : "damaged";
  return { name, isFine: false, found, mend: isHeld ? RESTART : "ao up --detach" };
}

async function daemonFinding(home: string): Promise<Finding> {
  const name = "daemon";
  const run = running(home);
  if (run === undefined)
    return { name, isFine: false, found: "not running", mend: "ao up --detach" };
  try {
    const { isReady, parts, version } = await readiness(run.url);
    if (version !== versionOf()) {
      const found = `of version ${version}, while this ao is of ${versionOf()}`;
      return { name, isFine: false, found, mend: RESTART };
    }
    if (isReady) return { name, isFine: true, found: `ready at ${run.url}` };
    const waiting = parts
      .filter(({ state }) => state !== "running")
      .map((each) => `${each.name} is ${each.state}`);
    return { name, isFine: false, found: waiting.join(", "), mend: RESTART };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { name, isFine: false, found: error.message, mend: RESTART };
  }
}

/** A tmux server that runs on while its socket leads elsewhere: all agents under it seem to be gone. */
async function socketFinding(home: string): Promise<Finding> {
  const name = "tmux.sock";
  const socket = join(home, name);
  try {
    const { answering, lost } = await tmuxServers(
      socket,
      // Before the first `ao up` there is no home that a client could be started in.
      tmuxClient({ socket, cwd: existing(home) }),
    );
    const [first] = lost;
    if (first === undefined) {
      const found = answering === undefined ? "no server" : `leads to process ${answering}`;
      return { name, isFine: true, found };
    }
    const found = `does not lead to the agents under tmux, process ${lost.join(", ")}`;
    // tmux makes its socket again when it is told so; one that took its place would be lost by that.
    const isFree = answering === undefined;
    const mend = isFree ? `kill -USR1 ${first}` : `kill ${lost.join(" ")} # ends these agents`;
    return { name, isFine: false, found, mend };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const isMissing = error.code === "PROGRAM_MISSING";
    const mend = isMissing ? `${INSTALL} tmux` : 'export AO_HOME="$HOME/.ao"';
    return { name, isFine: false, found: error.message, mend };
  }
}

/** Panes that were made before the store was replaced: nothing here will ever end them. */
async function panesFinding(home: string): Promise<Finding> {
  const name = "panes";
  const generation = lastGenerationIn(join(home, "lmdb"));
  const socket = join(home, "tmux.sock");
  if (generation === undefined || !existsSync(socket)) return { name, isFine: true, found: "none" };
  try {
    const tmux = tmuxClient({ socket, cwd: home });
    const left = await foreignPanes({ tmux, generation: () => generation });
    if (left.length === 0) return { name, isFine: true, found: "all of this store" };
    const names = left.map(({ terminal }) => terminal);
    const mend = names.map((each) => `tmux -S '${socket}' kill-session -t '=${each}'`).join(" && ");
    const found = `of before the store was replaced: ${names.join(", ")}`;
    return { name, isFine: false, found, mend };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const mend = `tmux -S '${socket}' list-panes -a`;
    return { name, isFine: false, found: error.message, mend };
  }
}

/** Whether the machine keeps reviewers from writing; they work where it cannot, too. */
async function reviewersFinding(home: string): Promise<Finding> {
  const obstacle = await fenceObstacle(LAUNCHER, existing(home)).catch((error: unknown) =>
    String(error),
  );
  const found =
    obstacle === null
      ? "cannot write to worktrees and repositories"
      : `are kept from writing by file permissions only: ${obstacle}`;
  return { name: "reviewers", isFine: true, found };
}

/** Projects whose repository is not where it was registered, as the daemon knows them. */
async function projectFindings(home: string): Promise<Finding[]> {
  // Only the daemon reads the store, and an agent is not shown what other projects there are.
  if (running(home) === undefined || agentOf(process.env) !== undefined) return [];
  try {
    const path = `/projects${query({ limit: MOST_PROJECTS })}`;
    const { projects } = await ask<{ projects: Project[] }>("GET", path, {
      timeoutMs: DOCTOR_WAITS_MS,
    });
    const findings = await Promise.all(projects.map(projectFinding));
    const missing = await Promise.all(projects.map(async (project) => agentFindings(project)));
    const wrong = [...findings, ...missing.flat()].filter((finding) => !finding.isFine);
    if (wrong.length > 0) return wrong;
    const found = projects.length === 0 ? "none" : `all ${projects.length} are there`;
    return [{ name: "projects", isFine: true, found }];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [{ name: "projects", isFine: false, found: error.message, mend: RESTART }];
  }
}

/** Why GitHub could not be asked last for the pull requests of a project. */
async function troubleOf(id: string): Promise<string | undefined> {
  const { trouble } = await ask<{ trouble: { message: string } | null }>(
    "GET",
    `/projects/${part(id)}/pulls`,
  );
  return trouble?.message;
}

async function projectFinding({ id, root, scm }: Project): Promise<Finding> {
  try {
    // The mirror of a URL has no checkout.
    const isMirror = await isBareRepository(root);
    await (isMirror ? describeRepository(root) : inspectRepository(root));
    const trouble = scm === "github" ? await troubleOf(id) : undefined;
    if (trouble !== undefined) {
      return { name: "project", isFine: false, found: `${id}: ${trouble}`, mend: "gh auth login" };
    }
    return { name: "project", isFine: true, found: `${id} in ${root}` };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const found = `${id}: ${error.message}`;
    return {
      name: "project",
      isFine: false,
      found,
      mend: `ao project rm ${id} # or put the repository back`,
    };
  }
}

function existing(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existing(dirname(path));
}
