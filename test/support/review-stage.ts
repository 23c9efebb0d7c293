import { z } from "zod";
import type { Boundary } from "../../actors/host.ts";
import type { Fate } from "../../bus/memory-stream.ts";
import { reviewsView, type ReviewRunView, type ReviewsView } from "../../http/review/view.ts";
import type { Address } from "../../machines/ids.ts";
import type { Json, JsonObject } from "../../machines/json.ts";
import { kinds } from "../../machines/kinds.ts";
import { ScmObservation } from "../../machines/observations.ts";
import { isOpenPull } from "../../machines/pull-state.ts";
import { Settings } from "../../machines/settings.ts";
import type { JournalEntry, Outcome, SnapshotRow } from "../../storage/store.ts";
import { settle } from "./clock.ts";
import { outside, sha, type Outside } from "./outside.ts";
import { pullFacts } from "./pulls.ts";
import { World } from "./world.ts";

// Review stage
//
// One worker and its reviews over memory, asked as the routes ask, without the routes: cheap enough for thousands of
// stories. Kills come at any boundary; mail and observations may be lost on their way, come twice, or overtake others.

const WORKER = "demo-1";
const SESSION: Address = `session/${WORKER}`;
const REVIEW: Address = `review/${WORKER}`;
const SETTINGS = { reviews: { leaseMs: 60_000, backoffMs: 100, idleMs: 1_000 } };
const KINDS = kinds(Settings.parse(SETTINGS));
const MOST_TURNS = 40;
const TextTold = z.object({ text: z.string().default("") });

interface Pull {
  readonly headSha: string;
  readonly state: "open" | "merged" | "closed";
}

interface Handed {
  /** Empty when it never got there. */
  readonly text: string;
  /** Commits by the addresses of their pull requests. */
  readonly heads: ReadonlyMap<string, string>;
}

export class ReviewStage {
  readonly outside: Outside = outside();
  readonly world: World;
  readonly pulls = new Map<number, Pull>([
    [1, { headSha: sha(1), state: "open" }],
    [2, { headSha: sha(2), state: "open" }],
  ]);
  /** What was typed to the worker, by delivery. */
  readonly inbox = new Map<string, string>();
  /** Processes that began beside a live one of the same reviewer. */
  readonly crowded: string[] = [];
  /** Hears of every fault that really happened. */
  readonly #count: (fault: string) => void;
  #isDead = false;

  private constructor(count: (fault: string) => void) {
    this.#count = count;
    const { adapters, panes } = this.outside;
    this.world = new World({
      endsItself: true,
      settings: SETTINGS,
      kinds: KINDS,
      adapters: {
        ...adapters,
        launchTerminal: async (data, attempt) => {
          const { terminal, epoch } = data;
          if ((panes.get(terminal)?.epoch ?? epoch) !== epoch) this.crowded.push(terminal);
          return adapters.launchTerminal(data, attempt);
        },
        typeText: async (data, attempt) => {
          const done = await adapters.typeText(data, attempt);
          if (data.terminal === WORKER) this.inbox.set(data.deliveryId, data.text);
          return done;
        },
      },
    });
  }

  /** A worker that runs, with two pull requests open. */
  static async with(
    config: JsonObject,
    count: (fault: string) => void = () => {},
  ): Promise<ReviewStage> {
    const stage = new ReviewStage(count);
    await stage.ask("project/demo", "project.register", {
      root: "/repositories/demo",
      scm: "none",
      defaultBranch: "main",
      config: {
        worker: { harness: "command", command: ["true"] },
        reviewers: [{ harness: "command", command: ["review"] }],
        checks: [],
        env: {},
        ...config,
      },
    });
    await stage.ask("project/demo", "project.spawn", { prompt: "Do it." });
    await stage.tellPulls();
    return stage;
  }

  /** What became of a command; undefined when the daemon was killed over it. */
  async ask(to: Address, type: string, data: JsonObject): Promise<Outcome | undefined> {
    let answer: Outcome | undefined;
    this.world.ask(to, type, data).then(
      (outcome) => (answer = outcome),
      () => {},
    );
    await this.settle();
    return answer;
  }

  /** A wish as the routes pass it on: through the session. */
  async wish(data: JsonObject = {}): Promise<Outcome | undefined> {
    return this.#passedOn("session.review", "review.trigger", { force: false, ...data });
  }

  async configure(data: JsonObject): Promise<Outcome | undefined> {
    return this.#passedOn("session.reviewing", "review.configure", data);
  }

  async #passedOn(type: string, mail: string, data: JsonObject): Promise<Outcome | undefined> {
    const outcome = await this.ask(SESSION, type, data);
    if (outcome?.type !== "applied") return outcome;
    const order = outcome.orders.find(({ name }) => name === mail);
    return order === undefined ? undefined : this.world.store.seen(order.id)?.outcome;
  }

  async cancel(): Promise<Outcome | undefined> {
    return this.ask(REVIEW, "review.cancel", {});
  }

  async submit(
    of: { readonly terminal: string; readonly epoch: number },
    reviews: readonly JsonObject[],
  ): Promise<Outcome | undefined> {
    return this.ask(REVIEW, "review.submit", { claim: { ...of }, reviews: [...reviews] });
  }

  async observe(lane: string, data: object, id: string = WORKER): Promise<void> {
    const told = this.world.publish(`ao.obs.${lane}.${id}`, data);
    told.catch(() => {});
    await this.settle();
  }

  async tellPulls(): Promise<void> {
    const prs = [...this.pulls].map(([number, { headSha, state }]) =>
      pullFacts({
        url: `https://forge.test/${number}`,
        number,
        title: `Change ${number}`,
        state,
        headSha,
        headRef: `topic-${number}`,
      }),
    );
    await this.observe("scm", { fetched: true, prs });
  }

  /** The process of a reviewer ends by itself; its probe says so. */
  async exits(terminal: string, how: object): Promise<void> {
    const epoch = this.outside.panes.get(terminal)?.epoch;
    if (epoch === undefined) return;
    // What ends by itself leaves its pane.
    if (Object.keys(how).length === 0) this.outside.panes.delete(terminal);
    else this.outside.end(terminal);
    await this.observe("terminal", { process: "dead", epoch, ...how }, terminal);
  }

  /** What a probe of terminals tells when it looks at all of them. */
  async tellTerminals(): Promise<void> {
    for (const { handleId, epoch, state } of this.view().reviewers) {
      const isLost = this.outside.panes.get(handleId)?.epoch !== epoch;
      if (!isLost || state !== "live") continue;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await this.observe("terminal", { process: "dead", epoch }, handleId);
    }
  }

  view(): ReviewsView {
    const session = this.world.store.snapshot(SESSION);
    if (session === undefined) throw new Error("there is no worker");
    return reviewsView(session, this.world.store.snapshot(REVIEW));
  }

  /** Newest first. */
  get runs(): readonly ReviewRunView[] {
    return this.view().runs;
  }

  /** The review as its events make it. */
  viewOfEvents(): ReviewsView | undefined {
    const session = this.world.store.snapshot(SESSION);
    const review = this.world.store.snapshot(REVIEW);
    if (session === undefined || review === undefined) return undefined;
    const told = this.world.system.stateAt(REVIEW, review.seq);
    if (told === undefined) return undefined;
    const row: SnapshotRow = { ...review, snapshot: { context: told.context } };
    return reviewsView(session, row);
  }

  /** Every text that was handed to the worker's terminal, and the open heads that its session knew in that very step. */
  handedOver(): Handed[] {
    const { store } = this.world;
    const journal = (address: Address): JournalEntry[] => [
      ...store.journal(address, { after: 0, limit: 100_000 }),
    ];
    const texts = new Map(
      journal(`terminal/${WORKER}`).map(({ message: { id, data } }) => [id, textOf(data)]),
    );
    let known = { at: 0, heads: new Map<string, string>() };
    return journal(SESSION).flatMap(({ message: { type, at, data }, orders }) => {
      if (type === "scm.observed" && at >= known.at) known = { at, heads: headsOf(data) };
      return orders
        .filter(({ name }) => name === "terminal.deliver")
        .map(({ id }) => ({ text: texts.get(id) ?? "", heads: known.heads }));
    });
  }

  /** Steps that the review took so far. */
  get steps(): number[] {
    const entries = this.world.store.journal(REVIEW, { after: 0, limit: 100_000 });
    return entries.map(({ seq }) => seq);
  }

  /** Nothing is on its way, and no daemon is dead. */
  get isQuiet(): boolean {
    return !this.#isDead && this.world.store.outbox({ limit: 1 }).length === 0;
  }

  /** What becomes of the next piece of mail, or of the next observation. */
  nextFate(fate: Fate): void {
    this.world.fateOf = ({ subject }) => {
      if (subject.startsWith("ao.cmd.")) return "stored";
      this.world.fateOf = () => "stored";
      this.#count(fate);
      return fate;
    };
  }

  letIn(): void {
    this.world.stream.release();
  }

  killAt(boundary: Boundary, after: number): void {
    let left = after;
    this.world.onBoundary = (reached) => {
      if (reached !== boundary) return;
      left -= 1;
      if (left >= 0) return;
      this.#count(`kill at ${boundary}`);
      this.kill();
      throw new Error("killed");
    };
  }

  kill(): void {
    if (this.#isDead) return;
    this.world.onBoundary = () => {};
    this.#isDead = true;
    this.world.kill();
  }

  #revive(): void {
    this.#isDead = false;
    this.world.start();
  }

  /** All faults are mended: what was on its way arrives. */
  async mend(): Promise<void> {
    this.world.onBoundary = () => {};
    this.world.fateOf = () => "stored";
    while (this.world.stream.release()) {
      // oxlint-disable-next-line no-await-in-loop -- in order
      await this.settle();
    }
    await this.settle();
  }

  async advance(ms: number): Promise<void> {
    await this.world.clock.advance(ms);
    await this.settle();
  }

  /** Lets mail, effects and their answers come to rest, without moving time; a dead daemon is followed by another. */
  async settle(): Promise<void> {
    let seen = -1;
    for (let turn = 0; turn < MOST_TURNS; turn += 1) {
      // oxlint-disable-next-line no-await-in-loop -- until nothing moves
      await settle();
      if (this.#isDead) this.#revive();
      const now = this.world.store.head().books.received;
      if (now === seen) return;
      seen = now;
    }
  }

  async end(): Promise<void> {
    await this.world.system.stop();
  }
}

function textOf(data: Json): string {
  const { text } = TextTold.parse(data);
  return text;
}

function headsOf(data: Json): Map<string, string> {
  const { prs } = ScmObservation.parse(data);
  return new Map(prs.filter(isOpenPull).map(({ url, headSha }) => [url, headSha]));
}
