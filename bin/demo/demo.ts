import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Play } from "./acts/act.ts";
import { conflict } from "./acts/conflict.ts";
import { interruption } from "./acts/interruption.ts";
import { objective } from "./acts/objective.ts";
import { review } from "./acts/review.ts";
import { factsOf, type Fact } from "./facts.ts";
import { house as newHouse, type House } from "./house.ts";
import { buildStage, scripted } from "./stage.ts";
import { follow, table, type Telling } from "./story.ts";
import { timeline } from "./timeline.ts";
import * as views from "./views.ts";

// Demo
//
// The main job with real parts: a repository with an origin, agents, reviewers and a manager in tmux panes, pull requests
// with checks that really run. Four acts at once, each a file of `acts/`, and a SIGKILL of the daemon in the middle of a
// review. What it says is checked: it fails when any expected fact does not hold.

export interface DemoOptions {
  /** argv that runs this very `ao`. */
  readonly entry: readonly string[];
  /** Leaves everything running for looking around. */
  readonly keep: boolean;
  readonly out: (line: string) => void;
  readonly signal: AbortSignal;
}

/** An agent as a project's config names it. */
function agent(role: Parameters<typeof scripted>[0]): object {
  return { harness: "command", command: scripted(role) };
}

const ENDING_MS = 15_000;
/** The command as it can be typed anywhere, whatever is on PATH. */
const AO = fileURLToPath(new URL("../ao", import.meta.url));

/** Runs the demo; what must have happened, and whether it has. */
export async function runDemo(options: DemoOptions): Promise<readonly Fact[]> {
  const { out, keep, entry } = options;
  const root = mkdtempSync(join(tmpdir(), "ao-demo-"));
  const stage = await buildStage(root);
  // One act that fails ends the others.
  const broken = new AbortController();
  const signal = AbortSignal.any([options.signal, broken.signal]);
  const now = Date.now();
  const telling: Telling = { lastId: 0, movedAt: now, startedAt: now, kills: [], deeds: [] };
  const movedAt = (): number => telling.movedAt;
  const house = newHouse({ root, home: stage.home, entry, signal, movedAt });
  const demo = new Demo({ stage, house, telling }, { ...options, signal });
  try {
    out(`A real repository with a bare origin: ${stage.repository}`);
    await demo.play((reason) => broken.abort(reason));
    const facts = await demo.check();
    if (keep) await demo.tellKept();
    return facts;
  } catch (error) {
    if (!options.signal.aborted) demo.tellBroken();
    throw error;
  } finally {
    const isKept = keep && !options.signal.aborted;
    await demo.leave(isKept);
    if (!isKept) rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

class Demo {
  readonly #options: DemoOptions;
  readonly #house: House;
  readonly #play: Play;
  readonly #stopFollowing = new AbortController();

  constructor(parts: Pick<Play, "stage" | "house" | "telling">, options: DemoOptions) {
    this.#options = options;
    this.#house = parts.house;
    this.#play = {
      ...parts,
      person: this.#person,
      seen: { wasReviewing: false, lateWord: undefined, shown: "", draft: "", ended: [] },
    };
  }

  /** `giveUp`: tells all acts that one of them failed. */
  async play(giveUp: (reason: unknown) => void): Promise<void> {
    const house = this.#house;
    await house.up();
    this.#options.out(`The daemon is up: ${house.where()?.url}`);
    const following = this.#follow();
    await this.#begin();
    const acts = [
      review(this.#play, this.#killDaemon),
      conflict(this.#play),
      interruption(this.#play),
      objective(this.#play),
    ];
    // All of them have ended before anything is cleared away: one that goes on would begin what is being ended.
    const failures: unknown[] = [];
    await Promise.all(
      acts.map(async (act) =>
        act.catch((error: unknown) => {
          failures.push(error);
          giveUp(error);
        }),
      ),
    );
    if (failures.length > 0) throw failures[0];
    if (!this.#options.keep) await this.#endSession(views.LISTER);
    await house.until(
      "the last order to be carried out",
      async () => (await views.intakeOf(house)).outbox === 0,
    );
    this.#stopFollowing.abort();
    await following;
  }

  /** Prints what was, and every fact. */
  async check(): Promise<readonly Fact[]> {
    const { out, keep } = this.#options;
    const { telling, seen } = this.#play;
    out("\nTimeline");
    for (const line of await timeline(this.#house, telling)) out(`  ${line}`);
    out("\nPull requests");
    const pulls = await views.pullsOf(this.#house);
    for (const line of table(
      pulls.map(({ number, title, state, ci, reviewDecision, session }) => [
        `#${number}`,
        title,
        state,
        `checks ${ci.state}`,
        `review ${reviewDecision}`,
        session ?? "",
      ]),
    )) {
      out(`  ${line}`);
    }
    out("\nObjective");
    for (const line of seen.shown.trimEnd().split("\n")) out(`  ${line}`);
    out("\nFacts");
    const facts = await factsOf(this.#play, { keep });
    for (const [, words, held] of facts) out(`  ${held ? "✓" : "✗"} ${words}`);
    const failed = facts.filter(([, , held]) => !held).length;
    out(
      failed === 0
        ? `\nAll ${facts.length} facts hold.`
        : `\n${failed} of ${facts.length} facts do not hold.`,
    );
    return facts;
  }

  /** Says where to look, and how to end it. */
  async tellKept(): Promise<void> {
    const { out } = this.#options;
    const { home } = this.#play.stage;
    const { code } = z.object({ code: z.string() }).parse(await this.#house.post("/web/codes"));
    const url = this.#house.where()?.url ?? "";
    const ao = `AO_HOME=${home} ${AO}`;
    out(
      [
        `\nKept, and running. The board, signed in, once and within a minute: ${url}/#code=${code}`,
        `  another link:          ${ao} ui`,
        `  the reviews:           ${url}/actors/review/${views.GREETER}`,
        `  the reviewer's pane:   ${url}/actors/terminal/review-${views.GREETER}`,
        `  the objective:         ${url}/actors/objective/${views.OBJECTIVE}`,
        ...this.#farewell(),
      ].join("\n"),
    );
  }

  /** What the daemon said last; with `keep` also where all of it lies. */
  tellBroken(): void {
    const { out, keep } = this.#options;
    const log = this.#house.log();
    if (log !== "") out(`\nThe daemon's last words:\n${log}`);
    if (keep) out(["\nKept as it is.", ...this.#farewell()].join("\n"));
  }

  /** How to look at what was kept, and how to end it: commands that leave the shell as it was. */
  #farewell(): string[] {
    const { home, root } = this.#play.stage;
    const end = `${AO} kill ${views.LISTER}; ${AO} down; tmux -S $AO_HOME/tmux.sock kill-server 2>/dev/null; rm -r ${root}`;
    return [
      `Look around with: AO_HOME=${home} ${AO} ls --all`,
      `End it with:      (export AO_HOME=${home}; ${end})`,
    ];
  }

  /** Leaves nothing behind, unless it shall be kept. */
  async leave(isKept: boolean): Promise<void> {
    this.#stopFollowing.abort();
    if (isKept) {
      this.#house.release();
      return;
    }
    this.#house.heed(AbortSignal.timeout(ENDING_MS));
    if (this.#house.where() !== undefined) await this.#endAll().catch(() => {});
    await this.#house.stop("SIGTERM");
    await this.#house.sweep();
  }

  /** The project, the goal, and the two sessions that a person begins. */
  async #begin(): Promise<void> {
    const house = this.#house;
    const { stage } = this.#play;
    await house.post("/projects", {
      id: views.PROJECT,
      path: stage.repository,
      scm: "local",
      config: {
        worker: agent("worker"),
        manager: agent("manager"),
        reviewers: [agent("reviewer")],
        checks: [{ name: "greetings", command: "sh check.sh" }],
        env: { DIARY: stage.diary },
      },
    });
    this.#person("wants greetings: hello, goodbye and thanks");
    await house.post("/objectives", {
      projectId: views.PROJECT,
      title: "Greet the world",
      prompt: "Scripts that say hello, goodbye and thanks to the world, reviewed and merged.",
    });
    await house.post("/sessions", {
      projectId: views.PROJECT,
      title: "Welcome the world",
      prompt: "Write welcome.sh, and list it in GREETINGS.",
    });
    await house.post("/sessions", {
      projectId: views.PROJECT,
      title: "Draft another greeting",
      prompt: "Draft another greeting.",
      command: scripted("drafter"),
    });
  }

  #person = (does: string): void => {
    this.#options.out(`  ·  a person ${does}`);
    this.#play.telling.deeds.push({ at: Date.now(), text: `a person ${does}` });
  };

  #killDaemon = async (): Promise<void> => {
    const { out } = this.#options;
    out("\n  ✂  SIGKILL to the daemon, in the middle of a review");
    this.#play.telling.kills.push(Date.now());
    await this.#house.stop("SIGKILL");
    await this.#house.up();
    out(`  ✂  a new daemon took over what was left: ${this.#house.where()?.url}\n`);
  };

  /** Ends every session, with every process: what still ran would write into a folder that is gone. */
  async #endAll(): Promise<void> {
    const house = this.#house;
    await house.post(`/objectives/${views.OBJECTIVE}/cancel`).catch(() => {});
    for (const { id } of await views.sessionsOf(house)) {
      // oxlint-disable-next-line no-await-in-loop -- one at a time is enough
      await house.post(`/sessions/${id}/kill`, { kind: "cleanup" });
    }
    // A worktree with work of its own is kept; the terminals must be gone.
    await house.until("every terminal to be gone", async () =>
      views.areAll(house, "terminal", "absent"),
    );
  }

  async #endSession(id: string): Promise<void> {
    const house = this.#house;
    await house.post(`/sessions/${id}/kill`, { kind: "cleanup" });
    await house.until(
      `${id} to be gone`,
      async () =>
        (await views.areAll(house, "terminal", "absent")) &&
        (await views.areAll(house, "workspace", "archived")),
    );
  }

  #follow = async (): Promise<void> =>
    follow({
      telling: this.#play.telling,
      where: () => this.#house.where(),
      out: this.#options.out,
      signal: AbortSignal.any([this.#options.signal, this.#stopFollowing.signal]),
    });
}
