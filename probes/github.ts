import type { Look } from "../adapters/github/github.ts";
import type { Wanted } from "../adapters/github/pull-query.ts";
import type { JsonObject } from "../machines/json.ts";
import type { FollowedPull } from "../machines/observations.ts";
import type { Bell } from "./bell.ts";
import type { Publish } from "./folder-probe.ts";

// GitHub probe
//
// Publishes what GitHub says of the pull requests of one project's sessions, as `ao.obs.pulls.<project>`.
//
//   H1. An observation tells what differs from what was told before; each pull request with all of its facts.
//   H2. Nothing is asked while no session has a branch and no pull request of one is open.
//   H3. A look that failed is told once, with the reason, and so is the first that succeeds after it; it says nothing
//       of any pull request.
//   H4. A ring is answered at once; but not within two seconds of the last look, nor within what that one has to last,
//       and not before a limit of GitHub is over.

/** A branch and the session whose work it is. */
export interface Work {
  readonly session: string;
  readonly branch: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export interface GithubProbeOptions {
  readonly project: string;
  /** What there is to ask for now: work, and the numbers of open pull requests. */
  readonly wanted: () => { readonly work: readonly Work[]; readonly numbers: readonly number[] };
  readonly look: (wanted: Wanted, signal: AbortSignal) => Promise<Look>;
  /** When what failed may be asked again, milliseconds since 1970; undefined when nobody said. */
  readonly retryAt: (error: unknown) => number | undefined;
  readonly publish: Publish;
  /** Rung when there may be news, or more to ask for. */
  readonly bell: Bell;
  /** Rests where a ring does not count. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly everyMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
}

// As often as a person may press a button.
const LEAST_MS = 2_000;

/** Runs until the signal aborts, and resolves then. */
export async function githubProbe(options: GithubProbeOptions): Promise<void> {
  const { bell, everyMs, now, pause, retryAt, signal, onFailure, wanted } = options;
  const teller = new Teller(options);
  while (!signal.aborted) {
    const { work, numbers } = wanted();
    const isIdle = work.length === 0 && numbers.length === 0;
    let deafMs = LEAST_MS;
    try {
      if (!isIdle) {
        // oxlint-disable-next-line eslint/no-await-in-loop -- one look after the other
        const { pulls, restMs } = await lookFor(options, { work, numbers });
        deafMs = Math.max(LEAST_MS, restMs);
        // oxlint-disable-next-line eslint/no-await-in-loop
        await teller.tell(pulls);
      }
    } catch (error) {
      if (signal.aborted) return;
      onFailure(error);
      deafMs = Math.max(LEAST_MS, (retryAt(error) ?? 0) - now());
      // oxlint-disable-next-line eslint/no-await-in-loop
      await teller.tellFailure(error);
    }
    // oxlint-disable-next-line eslint/no-await-in-loop
    if (!isIdle) await pause(deafMs, signal);
    // oxlint-disable-next-line eslint/no-await-in-loop
    await bell.rest(isIdle ? undefined : Math.max(0, everyMs - deafMs), signal);
  }
}

async function lookFor(
  { look, signal }: GithubProbeOptions,
  { work, numbers }: ReturnType<GithubProbeOptions["wanted"]>,
): Promise<Look> {
  const branches = work.map(({ branch, since }) => ({ name: branch, since }));
  const owners = new Map(work.map(({ branch, session }) => [branch, session]));
  const seen = await look({ branches, numbers }, signal);
  const pulls = seen.pulls.map((pull) => {
    const session = owners.get(pull.headRef);
    return session === undefined ? pull : { ...pull, session };
  });
  return { ...seen, pulls };
}

// An observation must fit into one message of the bus with room to spare.
const OBSERVATION_CHARS = 400_000;
const OBSERVATION_PULLS = 50;
const REASON_CHARS = 2_000;

/** Remembers what was told (H1, H3). What could not be published is told again. */
class Teller {
  readonly #options: Pick<GithubProbeOptions, "project" | "publish" | "now" | "onFailure">;
  readonly #startedAt: number;
  readonly #told = new Map<number, string>();
  #spoken = 0;
  #isFailing = false;

  constructor(options: GithubProbeOptions) {
    this.#options = options;
    this.#startedAt = options.now();
  }

  async tell(pulls: readonly FollowedPull[]): Promise<void> {
    const news = pulls
      .map((pull) => ({ pull, text: JSON.stringify(pull) }))
      .filter(({ pull, text }) => this.#told.get(pull.number) !== text);
    const parts = inParts(news);
    // The recovery alone is news too.
    if (parts.length === 0 && this.#isFailing) parts.push([]);
    for (const part of parts) {
      const data = { fetched: true, pulls: part.map(({ pull }) => pull) };
      // oxlint-disable-next-line eslint/no-await-in-loop -- in order
      await this.#publish(data);
      this.#isFailing = false;
      for (const { pull, text } of part) this.#told.set(pull.number, text);
    }
  }

  async tellFailure(error: unknown): Promise<void> {
    if (this.#isFailing) return;
    const said = error instanceof Error ? error.message : String(error);
    try {
      await this.#publish({ fetched: false, pulls: [], reason: said.slice(0, REASON_CHARS) });
      this.#isFailing = true;
    } catch (failure) {
      this.#options.onFailure(failure);
    }
  }

  async #publish(data: JsonObject): Promise<void> {
    const { project, publish } = this.#options;
    this.#spoken += 1;
    await publish("pulls", project, data, `pulls:${project}:${this.#startedAt}.${this.#spoken}`);
  }
}

type News = { readonly pull: FollowedPull; readonly text: string };

function inParts(news: readonly News[]): News[][] {
  const parts: News[][] = [];
  let room = 0;
  for (const each of news) {
    const last = parts.at(-1);
    room -= each.text.length;
    if (last === undefined || room < 0 || last.length === OBSERVATION_PULLS) {
      parts.push([each]);
      room = OBSERVATION_CHARS - each.text.length;
    } else last.push(each);
  }
  return parts;
}
