import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  nat,
  record,
  type Arbitrary,
} from "fast-check";
import { expect, it } from "vitest";
import type { ReviewRunView } from "../../http/review-view.ts";
import { sha } from "../support/outside.ts";
import { HANDLE, ReviewWorld } from "../support/review-world.ts";

// Invariants I1 to I9 under random commands, kills of the daemon, lost terminals and moved clocks. What is true at every
// moment is looked at after each command; what is true in the end, once nothing happens any more.

const KINDS = [
  "trigger",
  "second opinion",
  "restart",
  "push",
  "merge",
  "submit",
  "submit late",
  "submit wrong",
  "cancel",
  "reviewer dies",
  "daemon dies",
  "machine dies",
  "worker asks",
  "worker rests",
  "no feedback",
  "clock",
] as const;

interface Move {
  readonly kind: (typeof KINDS)[number];
  readonly n: number;
}

const moves: Arbitrary<Move[]> = array(record({ kind: constantFrom(...KINDS), n: nat(999) }), {
  minLength: 4,
  maxLength: 18,
});
const SETTINGS = { reviews: { leaseMs: 60_000, backoffMs: 100, idleMs: 1_000 } };

function same(seen: unknown, wanted: unknown): void {
  expect(seen).toEqual(wanted);
}

class Model {
  readonly world: ReviewWorld;
  /** What was answered with 200, by run. */
  readonly #taken = new Map<string, string>();
  #heads = 100;

  constructor(world: ReviewWorld) {
    this.world = world;
  }

  async play({ kind, n }: Move): Promise<void> {
    const { world } = this;
    const plays: Record<Move["kind"], () => Promise<unknown>> = {
      trigger: async () => world.trigger({ force: n % 2 === 0 }),
      "second opinion": async () => world.trigger({ harness: "codex" }),
      restart: async () => world.request("POST", "/sessions/demo-1/reviews/restart", {}),
      push: async () => world.push(1 + (n % 2), sha((this.#heads += 1))),
      merge: async () => {
        world.pull(2, { state: n % 3 === 0 ? "merged" : "open" });
        await world.tellPulls();
      },
      submit: async () => this.#submit(n, false),
      "submit late": async () => this.#submit(n, true),
      "submit wrong": async () =>
        this.#refused(async () => world.submit({ runId: `demo-1-r${n % 5}`, verdict: "maybe" })),
      cancel: async () => world.cancel(),
      "reviewer dies": async () =>
        world.exits(n % 2 === 0 ? { signal: "KILL" } : { exitCode: n % 3 }),
      "daemon dies": async () => world.restart(),
      "machine dies": async () => this.#reboot(),
      "worker asks": async () => world.says("waiting_input"),
      "worker rests": async () => world.says("idle"),
      "no feedback": async () =>
        world.request("PUT", "/sessions/demo-1/auto-inject-review", {
          autoInjectReview: n % 2 === 0,
        }),
      clock: async () => world.advance(n * 100),
    };
    await plays[kind]();
    await world.settle();
  }

  async #submit(n: number, isLate: boolean): Promise<void> {
    const runs = await this.world.runs();
    const run = runs[n % Math.max(1, runs.length)];
    if (run === undefined) return;
    const epoch = Math.max(1, (run.epoch ?? 1) - (isLate ? 1 : 0));
    const verdict = n % 3 === 0 ? "approved" : "changes_requested";
    const say = async () =>
      this.world.submit(
        { runId: run.id, verdict, body: `words on ${run.id}` },
        { terminal: run.reviewerHandleId, epoch },
      );
    const before = JSON.stringify(runs);
    const { status, body } = await say();
    await this.world.settle();
    // I6: an older incarnation is never believed.
    same(epoch === run.epoch || status >= 400, true);
    // I4, I6: what was refused has changed nothing.
    same(status === 200 ? before : JSON.stringify(await this.world.runs()), before);
    if (status === 200) this.#taken.set(run.id, body.review.verdict);
  }

  async #refused(say: () => Promise<{ status: number }>): Promise<void> {
    const before = JSON.stringify(await this.world.runs());
    same((await say()).status >= 400, true);
    same(JSON.stringify(await this.world.runs()), before);
  }

  /** Daemon and terminals gone at once; the probe of the next daemon tells what it does not find. */
  async #reboot(): Promise<void> {
    const { world } = this;
    const lost = [...world.outside.panes].filter(([terminal]) => terminal.startsWith(HANDLE));
    await world.crash();
    for (const [terminal] of lost) world.outside.panes.delete(terminal);
    await world.start();
    for (const [terminal, { epoch }] of lost) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await world.observe("terminal", { process: "dead", epoch }, terminal);
    }
  }

  /** True at every moment. */
  async check(): Promise<void> {
    const { runs, reviewers } = await this.world.list();
    const open = runs.filter(({ status }) => status === "queued" || status === "running");
    // I3
    const keys = open.map(({ prUrl, targetSha, harness }) => `${prUrl} ${targetSha} ${harness}`);
    same(new Set(keys).size, keys.length);
    // I1: what runs is of the newest epoch of its reviewer.
    for (const { handleId, epoch, state } of reviewers) {
      const pane = this.world.outside.panes.get(handleId);
      same(state === "live" || state === "launching" ? (pane?.epoch ?? epoch) : epoch, epoch);
    }
    // I4: what was taken stays.
    const verdicts = new Map(runs.map((run) => [run.id, run.verdict]));
    same(
      [...this.#taken].filter(([id, verdict]) => verdicts.get(id) !== verdict),
      [],
    );
  }

  /** Lets everything come to its end, as a worker that rests would. */
  async rest(): Promise<void> {
    await this.world.says("idle");
    for (let minute = 0; minute < 12; minute += 1) {
      // oxlint-disable-next-line no-await-in-loop -- time goes on
      await this.world.advance(60_000);
    }
  }

  /** True once nothing happens any more. */
  async checkEnd(): Promise<void> {
    const { runs, reviews, autoReviewEnabled } = await this.world.list();
    // I2: without a reviewer that submits, leases and budgets have ended every run.
    same(
      runs.filter(({ status }) => status === "queued" || status === "running"),
      [],
    );
    this.#checkFeedback(runs);
    // I9
    const alive = new Set(
      [...this.world.outside.panes].map(([terminal, { epoch }]) => `${terminal} ${epoch}`),
    );
    const ended = runs.filter(({ status }) => status === "cancelled" || status === "failed");
    same(
      ended.filter((run) => alive.has(`${run.reviewerHandleId} ${run.epoch}`)),
      [],
    );
    // I8
    const silent = reviews.filter(
      (one) => one.status === "needs_review" && one.autoReview === undefined,
    );
    same(autoReviewEnabled ? silent : [], []);
    // I7
    const journal = this.world.world.store.journal("review/demo-1", { after: 0, limit: 10_000 });
    same(
      journal.map(({ seq }) => seq),
      journal.map((_, index) => index + 1),
    );
  }

  /** I5: told once, or not at all with a reason. */
  #checkFeedback(runs: readonly ReviewRunView[]): void {
    const inbox = this.world.inbox.join("\n");
    for (const { id, status, verdict, delivery } of runs) {
      const times = inbox.split(`(run ${id})`).length - 1;
      same([id, times], [id, status === "delivered" ? 1 : 0]);
      const isUntold = verdict === "changes_requested" && status === "complete";
      same(isUntold ? [delivery.state, typeof delivery.reason] : ["skipped", "string"], [
        "skipped",
        "string",
      ]);
    }
  }
}

it.each([{ autoReview: false }, { autoReview: true }])(
  "I1 to I9 hold, with $autoReview of auto-review",
  async (config) => {
    expect.hasAssertions();
    const holds = asyncProperty(moves, async (plan) => {
      const world = await ReviewWorld.with({ pulls: [1, 2], settings: SETTINGS, config });
      const model = new Model(world);
      for (const move of plan) {
        // oxlint-disable-next-line no-await-in-loop -- a story
        await model.play(move);
        // oxlint-disable-next-line no-await-in-loop
        await model.check();
      }
      await world.trigger();
      await model.rest();
      await model.checkEnd();
      await world.end();
    });
    await assert(holds, { numRuns: 30 });
  },
  120_000,
);
