import type { ForgeContext } from "../../machines/forge/jobs.ts";
import type { ReviewContext } from "../../machines/review/record.ts";
import { sha } from "./outside.ts";
import type { Objectives } from "./objectives.ts";

// Day pulls
//
// The pull requests of a day: workers push heads of which some are red or conflict, reviewers say what they think of
// them, and a person looks after what nobody moves. The forge and the reviews are the real actors.
//
//   P1. What a head is worth is drawn when it is pushed, and never changes.
//   P2. A person merges what only lacks a review, and closes what is broken, once it is open for long.

const MINUTE = 60_000;
const RED = 0.2;
const CONFLICT = 0.1;
const UNLOVED = 0.25;
const PATIENCE_MS = 120 * MINUTE;

/** What the pull requests of a day need to know of it. */
export interface DayPart {
  readonly world: Objectives;
  readonly random: () => number;
  readonly count: (what: string) => void;
  readonly fault: (what: string) => void;
}

type Pull = ForgeContext["pulls"][string];

export class DayPulls {
  readonly #part: DayPart;
  /** Who has published something that was not seen merged or closed: the forge need not be read for others. */
  readonly #open = new Set<string>();
  #heads = 1_000;

  constructor(part: DayPart) {
    this.#part = part;
  }

  /** Publishes the work of a worker. */
  async open(session: string): Promise<void> {
    const { world, count } = this.#part;
    const headRef = this.#push(session);
    if (headRef === undefined) return;
    count("pull request");
    const opening = { title: `Change of ${session}`, headRef, session };
    await world.must("forge/demo", "pull.open", opening);
    this.#open.add(session);
  }

  /** Pushes once more where something is to be mended, as its worker; whether there was something. */
  async mend(session: string): Promise<boolean> {
    const { world, count } = this.#part;
    if (!this.#open.has(session)) return false;
    const broken = this.#pulls().find((pull) => pull.session === session && isBroken(pull));
    const headRef = broken === undefined ? undefined : this.#push(session);
    if (broken === undefined || headRef === undefined) return false;
    count("mend");
    for (const { id, resolved } of broken.comments) {
      const which = { number: broken.number, commentId: id };
      // oxlint-disable-next-line no-await-in-loop -- in order
      if (!resolved) await world.ask("forge/demo", "pull.resolve", which);
    }
    const heads = { [headRef]: world.outside.heads.get(headRef) };
    await world.system.observe("refs", "demo", { heads });
    return true;
  }

  /** A new head of a worker's branch (P1); its name. */
  #push(session: string): string | undefined {
    const { world, random, count } = this.#part;
    const branch = world.outside.trees.get(session)?.branch;
    if (branch === undefined) return undefined;
    this.#heads += 1;
    const head = sha(this.#heads * 7);
    const draw = random();
    if (draw < RED) world.outside.red.add(head);
    else if (draw < RED + CONFLICT) world.outside.conflicting.add(head);
    if (draw < RED + CONFLICT) count(draw < RED ? "red head" : "conflict");
    world.outside.heads.set(branch, head);
    return branch;
  }

  /** What a reviewer thinks of what it was given. */
  async review(terminal: string, epoch: number): Promise<void> {
    const { world, random, count } = this.#part;
    const address = `review/${terminal.replace(/^review-/, "")}` as const;
    const row = world.system.store.snapshot(address);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a snapshot of a review
    const known = (row?.snapshot as { context?: ReviewContext } | undefined)?.context;
    const runs = known?.runs.filter(({ state }) => state === "running") ?? [];
    if (runs.length === 0) return;
    const isUnloved = random() < UNLOVED;
    const verdict = isUnloved ? "changes_requested" : "approved";
    count(`review: ${verdict}`);
    const reviews = runs.map(({ id }) => ({
      runId: id,
      verdict,
      body: isUnloved ? "Rename." : "",
    }));
    await world.ask(address, "review.submit", { claim: { terminal, epoch }, reviews });
  }

  /** A person looks after what is open for long (P2). */
  async person(): Promise<void> {
    const { world, count } = this.#part;
    const now = world.clock.now();
    for (const pull of this.#pulls()) {
      const { number, state, createdAt } = pull;
      if (state !== "open" || createdAt + PATIENCE_MS > now) continue;
      const isStuck = isBroken(pull);
      count(isStuck ? "close by a person" : "merge by a person");
      const type = isStuck ? "pull.close" : "pull.merge";
      // oxlint-disable-next-line no-await-in-loop -- in order
      await world.ask("forge/demo", type, isStuck ? { number } : { number, unreviewed: true });
    }
  }

  /** The manager of an objective gives up what its ended workers left broken. */
  async giveUp(sessions: ReadonlySet<string>): Promise<void> {
    if (![...this.#open].some((session) => sessions.has(session))) return;
    for (const pull of this.#pulls()) {
      if (pull.state !== "open" || !isBroken(pull) || !sessions.has(pull.session ?? "")) continue;
      this.#part.count("close by a manager");
      // oxlint-disable-next-line no-await-in-loop -- in order
      await this.#part.world.ask("forge/demo", "pull.close", { number: pull.number });
    }
  }

  /** What must hold of them in the end: no head was merged that should not have been, and none is left open. */
  judge(): void {
    const { world, count, fault } = this.#part;
    for (const { number, state, headSha } of this.#pulls()) {
      if (state === "merged") count("merge");
      const isBad = world.outside.red.has(headSha) || world.outside.conflicting.has(headSha);
      if (state === "merged" && isBad) fault(`#${number} was merged though it is broken`);
      if (state !== "merged" && state !== "closed") fault(`#${number} is ${state} in the end`);
    }
  }

  #pulls(): readonly Pull[] {
    const row = this.#part.world.system.store.snapshot("forge/demo");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a snapshot of a forge
    const known = row?.snapshot as { readonly context: ForgeContext } | undefined;
    const pulls = Object.values(known?.context.pulls ?? {});
    for (const { state, session = "" } of pulls) if (state !== "open") this.#open.delete(session);
    return pulls;
  }
}

function isBroken({ ci, reviewDecision, mergeable }: Pull): boolean {
  return ci.state === "failing" || reviewDecision === "changes_requested" || mergeable === false;
}
