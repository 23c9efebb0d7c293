import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { startNatsServer } from "../../bus/nats-server.ts";
import { buildStage, originMain, type Stage } from "./stage.ts";
import { follow, hasFailedCheck, table, timeline, type Api, type Telling } from "./story.ts";
import { readRunFile, type RunFile } from "../run-file.ts";

// Demo
//
// The main job with real parts: a repository with an origin, two agents in tmux panes, pull requests, checks that
// really run, one that fails and is mended, two merges — and a SIGKILL of the daemon in the middle. What it says is
// checked: it fails when any expected fact does not hold.

export interface DemoOptions {
  /** argv that runs this very `ao`. */
  readonly entry: readonly string[];
  /** Leaves everything running for looking around. */
  readonly keep: boolean;
  readonly out: (line: string) => void;
  readonly signal: AbortSignal;
}

const PATIENCE_MS = 50_000;
const ENDING_MS = 15_000;

/** Runs the demo; the number of facts that did not hold. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { out } = options;
  const root = mkdtempSync(join(tmpdir(), "ao-demo-"));
  const stage = await buildStage(root);
  const demo = new Demo(stage, options);
  try {
    out(`A real repository with a bare origin: ${stage.repository}`);
    await demo.play();
    const failed = await demo.check();
    if (options.keep)
      out(
        `\nKept. Look around with: AO_HOME=${stage.home} ao ls; end it with: export AO_HOME=${stage.home}; for s in demo-1 demo-2; do ao kill $s; done; ao down`,
      );
    return failed;
  } finally {
    await demo.leave();
    if (!options.keep)
      rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

const Sessions = z.object({ sessions: z.array(z.object({ id: z.string(), status: z.string() })) });
const Pulls = z.object({
  pulls: z.array(
    z.object({
      number: z.number(),
      title: z.string(),
      state: z.string(),
      session: z.string().optional(),
      ci: z.object({ state: z.string() }),
    }),
  ),
});
type Pull = z.infer<typeof Pulls>["pulls"][number];
const Intake = z.object({
  isBalanced: z.boolean(),
  dead: z.number(),
  received: z.number(),
  outbox: z.number(),
});
const States = z.object({ actors: z.array(z.object({ states: z.array(z.string()) })) });

class Demo {
  readonly #stage: Stage;
  readonly #options: DemoOptions;
  readonly #telling: Telling = { lastId: 0, startedAt: Date.now(), kills: [] };
  readonly #stopFollowing = new AbortController();
  #signal: AbortSignal;
  #daemon: ChildProcess | undefined;
  #run: RunFile | undefined;

  constructor(stage: Stage, options: DemoOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#signal = options.signal;
  }

  async play(): Promise<void> {
    const { out } = this.#options;
    await this.#up();
    const following = this.#follow();
    await this.#api("POST", "/projects", {
      id: "demo",
      path: this.#stage.repository,
      scm: "local",
      config: {
        worker: { harness: "command", command: ["sh", this.#stage.agent] },
        checks: [{ name: "greetings", command: "sh check.sh" }],
        env: { DIARY: this.#stage.diary },
      },
    });
    for (const prompt of [
      "Please write hello.sh.",
      "Carelessly write goodbye.sh (carelessly, so the check fails).",
    ]) {
      await this.#api("POST", "/sessions", {
        projectId: "demo",
        prompt: prompt.replace("Carelessly", "Please"),
        title: prompt,
      });
    }
    // From the journal: an agent that is told at once may have mended it before this looks again.
    await this.#until("a check to fail", async () => hasFailedCheck(this.#get));
    await this.#killDaemon();
    await this.#until("both checks to pass", async () => {
      const pulls = await this.#pulls();
      return pulls.length === 2 && pulls.every(({ ci }) => ci.state === "passing");
    });
    for (const { number } of await this.#pulls()) {
      out(`  ·  merging pull request #${number}`);
      await this.#api("POST", `/projects/demo/pulls/${number}/merge`, {});
    }
    await this.#until("both to be merged", async () =>
      (await this.#pulls()).every(({ state }) => state === "merged"),
    );
    if (!this.#options.keep) await this.#cleanUp("workspace", "archived");
    this.#stopFollowing.abort();
    await following;
  }

  /** Prints what was; the number of facts that do not hold. */
  async check(): Promise<number> {
    const { out } = this.#options;
    out("\nTimeline");
    for (const line of await timeline(this.#get, this.#telling)) out(`  ${line}`);
    out("\nPull requests");
    const pulls = await this.#pulls();
    for (const line of table(
      pulls.map(({ number, title, state, ci, session }) => [
        `#${number}`,
        title,
        state,
        `checks ${ci.state}`,
        session ?? "",
      ]),
    )) {
      out(`  ${line}`);
    }
    out("\nFacts");
    const facts = await this.#facts(pulls);
    for (const [fact, holds] of facts) out(`  ${holds ? "✓" : "✗"} ${fact}`);
    const failed = facts.filter(([, holds]) => !holds).length;
    out(
      failed === 0
        ? `\nAll ${facts.length} facts hold.`
        : `\n${failed} of ${facts.length} facts do not hold.`,
    );
    return failed;
  }

  /** Leaves nothing behind, unless it shall be kept. */
  async leave(): Promise<void> {
    this.#stopFollowing.abort();
    if (this.#options.keep && this.#daemon?.exitCode === null) {
      this.#daemon.unref();
      return;
    }
    await this.#endSessions();
    await this.#stopDaemon("SIGTERM");
    await this.#sweep();
  }

  /** Ends what is left of the sessions, with every process: what still ran would write into a folder that is gone. */
  async #endSessions(): Promise<void> {
    this.#signal = AbortSignal.timeout(ENDING_MS);
    if (this.#run === undefined || this.#daemon?.exitCode !== null) return;
    // A worktree with work of its own is kept; the terminals must be gone.
    await this.#cleanUp("terminal", "absent").catch(() => {});
  }

  /** Agents and the nats-server outlive a daemon that was killed; of a demo that broke off there may be some. */
  async #sweep(): Promise<void> {
    const { home } = this.#stage;
    const endPanes = ["-S", join(home, "tmux.sock"), "kill-server"];
    await promisify(execFile)("tmux", endPanes).catch(() => {});
    // Without a nats-server there is none to end.
    await startNatsServer({ home }).then(
      async (server) => server.stop(),
      () => {},
    );
  }

  async #facts(pulls: readonly Pull[]): Promise<[string, boolean][]> {
    const main = await originMain(this.#stage);
    const diaries = pulls.map(({ session = "" }) =>
      readFileSync(join(this.#stage.diary, session), "utf8").split("\n"),
    );
    const count = (start: string): number =>
      diaries.flat().filter((line) => line.startsWith(start)).length;
    const intake = Intake.parse(await this.#api("GET", "/intake"));
    const sessions = await this.#sessions();
    return [
      ["the daemon was killed once with SIGKILL, and went on", this.#telling.kills.length === 1],
      ["each agent was started once", count("started") === 2],
      ["each pull request was opened once", pulls.length === 2],
      ["one check failed, and its agent was told once", count("told") === 1],
      [
        "each commit is on origin/main once",
        new Set(main.commits).size === main.commits.length && main.commits.length === 4,
      ],
      ["each pull request was merged once", main.merges.length === 2],
      [
        "main holds both scripts",
        ["hello.sh", "goodbye.sh"].every((file) => main.files.includes(file)),
      ],
      [
        `the books balance over ${intake.received} messages, none dead`,
        intake.isBalanced && intake.dead === 0,
      ],
      ["no order is left open", intake.outbox === 0],
      ...(this.#options.keep
        ? []
        : [
            ["no session is left", sessions.every(({ status }) => ENDED.has(status))] satisfies [
              string,
              boolean,
            ],
          ]),
    ];
  }

  async #up(): Promise<void> {
    const { entry } = this.#options;
    const [program = process.execPath, ...args] = entry;
    const log = openSync(join(this.#stage.root, "daemon.log"), "a");
    this.#daemon = spawn(program, [...args, "up"], {
      env: { ...process.env, AO_HOME: this.#stage.home },
      stdio: ["ignore", log, log],
      detached: true,
    });
    const pid = this.#daemon.pid;
    await this.#until("the daemon", async () => {
      if (this.#daemon?.exitCode !== null) throw new Error(`the daemon ended: ${this.#log()}`);
      this.#run = readRunFile(this.#stage.home);
      return Promise.resolve(this.#run?.pid === pid);
    });
    this.#options.out(`The daemon is up: ${this.#run?.url}`);
  }

  async #killDaemon(): Promise<void> {
    this.#options.out("\n  ✂  SIGKILL to the daemon, in the middle of it all");
    this.#telling.kills.push(Date.now());
    await this.#stopDaemon("SIGKILL");
    await this.#up();
    this.#options.out("  ✂  a new daemon took over what was left\n");
  }

  async #stopDaemon(signal: NodeJS.Signals): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const gone = new Promise((resolve) => {
      daemon.once("exit", resolve);
    });
    daemon.kill(signal);
    await gone;
  }

  /** Ends all sessions, and waits until all actors of a kind are in a state. */
  async #cleanUp(kind: "terminal" | "workspace", state: string): Promise<void> {
    for (const { id } of await this.#sessions())
      await this.#api("POST", `/sessions/${id}/kill`, { kind: "cleanup" });
    await this.#until(`every ${kind} to be ${state}`, async () => {
      const { actors } = States.parse(await this.#api("GET", `/actors?kind=${kind}`));
      return actors.every(({ states }) => states.includes(state));
    });
  }

  #follow = async (): Promise<void> =>
    follow({
      telling: this.#telling,
      where: () => this.#run,
      out: this.#options.out,
      signal: AbortSignal.any([this.#signal, this.#stopFollowing.signal]),
    });

  async #pulls(): Promise<readonly Pull[]> {
    return Pulls.parse(await this.#api("GET", "/projects/demo/pulls")).pulls;
  }

  async #sessions(): Promise<z.infer<typeof Sessions>["sessions"]> {
    return Sessions.parse(await this.#api("GET", "/sessions")).sessions;
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await holds())) {
      this.#signal.throwIfAborted();
      if (Date.now() > deadline)
        throw new Error(`waited ${PATIENCE_MS / 1_000} s for ${what}\n${this.#log()}`);
      await delay(100);
    }
  }

  #get: Api = async (path) => this.#api("GET", path);

  async #api(method: string, path: string, body?: object): Promise<unknown> {
    const run = this.#run;
    if (run === undefined) throw new Error("the daemon is not up");
    const response = await fetch(`${run.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${run.token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(15_000)]),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  #log(): string {
    return readFileSync(join(this.#stage.root, "daemon.log"), "utf8")
      .split("\n")
      .slice(-15)
      .join("\n");
  }
}

const ENDED: ReadonlySet<string> = new Set(["killed", "cleanup", "terminated", "done", "merged"]);
