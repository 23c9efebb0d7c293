import { type Look, unsettled } from "../adapters/github/github.ts";
import type { Wanted } from "../adapters/github/pull-query.ts";
import { Failure } from "../machines/failures.ts";
import { OBSERVATION_BYTES } from "../machines/forge/pulls.ts";
import { bytesOf, type JsonObject } from "../machines/json.ts";
import type { FollowedPull } from "../machines/observations.ts";
import type { Bell } from "./bell.ts";
import type { Publish } from "./folder-probe.ts";

// GitHub probe
//
// Publishes what GitHub says of the pull requests of one project's sessions, as `ao.obs.pulls.<project>`.
//
//   H1. An observation tells what differs from what was told before; each pull request with all of its facts, as many of
//       its words as fit.
//   H2. Nothing is asked while no session has a branch and no pull request of one is open.
//   H3. A look that failed is told once, with the reason, and so is the first that succeeds after it; it says nothing
//       of any pull request.
//   H5. What another said of a pull request is answered by what GitHub says of it, also that it is not there.
//   H6. A head without checks is pending at first: GitHub makes them some seconds after it came.
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
  /** What there is to ask for now: work, the numbers of open pull requests, and of those that another spoke of since. */
  readonly wanted: () => {
    readonly work: readonly Work[];
    readonly numbers: readonly number[];
    readonly doubted: readonly number[];
  };
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
    const asked = wanted();
    const isIdle = asked.work.length + asked.numbers.length + asked.doubted.length === 0;
    let deafMs = LEAST_MS;
    try {
      if (!isIdle) {
        // oxlint-disable-next-line eslint/no-await-in-loop -- one look after the other
        const { pulls, restMs } = await lookFor(options, asked);
        deafMs = Math.max(LEAST_MS, restMs);
        // oxlint-disable-next-line eslint/no-await-in-loop
        await teller.tell(pulls, asked);
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
  { work, numbers, doubted }: Asked,
): Promise<Look> {
  const branches = work.map(({ branch, since }) => ({ name: branch, since }));
  const owners = new Map(work.map(({ branch, session }) => [branch, session]));
  const seen = await look({ branches, numbers: [...new Set([...numbers, ...doubted])] }, signal);
  const pulls = seen.pulls.map((pull) => {
    const session = owners.get(pull.headRef);
    return session === undefined ? pull : { ...pull, session };
  });
  return { ...seen, pulls };
}

type Asked = ReturnType<GithubProbeOptions["wanted"]>;

const OBSERVATION_PULLS = 50;
const REASON_CHARS = 2_000;
// Checks that come later than this are none that stand in the way of a merge.
const CHECKS_COME_MS = 60_000;

/** Remembers what was told (H1, H3). What could not be published is told again. */
class Teller {
  readonly #options: Pick<GithubProbeOptions, "project" | "publish" | "now" | "onFailure">;
  readonly #startedAt: number;
  readonly #told = new Map<number, string>();
  /** Since when a head is that of a pull request, by number (H6). */
  readonly #heads = new Map<number, { readonly headSha: string; readonly since: number }>();
  #spoken = 0;
  #isFailing = false;

  constructor(options: GithubProbeOptions) {
    this.#options = options;
    this.#startedAt = options.now();
  }

  /** Fails with what kept one of the parts from being published, after it has tried them all. */
  async tell(pulls: readonly FollowedPull[], { numbers, doubted }: Asked): Promise<void> {
    for (const number of doubted) this.#told.delete(number);
    const there = new Set(pulls.map(({ number }) => number));
    this.#forgetAllBut(there);
    const gone = [...new Set([...numbers, ...doubted])].filter((number) => !there.has(number));
    const news = pulls
      .map((pull) => newsOf(this.#settled(pull)))
      .filter(({ pull, text }) => this.#told.get(pull.number) !== text);
    const parts = inParts(news);
    // The recovery alone is news too.
    if (parts.length === 0 && (this.#isFailing || gone.length > 0)) parts.push([]);
    const failures: unknown[] = [];
    for (const [n, part] of parts.entries()) {
      const told = { fetched: true, pulls: part.map(({ pull }) => pull) };
      try {
        // oxlint-disable-next-line eslint/no-await-in-loop -- in order
        await this.#publish({ ...told, ...(n === 0 && gone.length > 0 && { gone }) });
        this.#isFailing = false;
        for (const { pull, text } of part) this.#told.set(pull.number, text);
      } catch (error) {
        failures.push(error);
      }
    }
    const [failure] = failures;
    if (failure instanceof Error) throw failure;
  }

  async tellFailure(error: unknown): Promise<void> {
    if (this.#isFailing) return;
    const said = error instanceof Error ? error.message : String(error);
    const reason = said.slice(0, REASON_CHARS);
    const code = error instanceof Failure ? error.code : "REMOTE_UNREACHABLE";
    try {
      await this.#publish({ fetched: false, pulls: [], reason, code });
      this.#isFailing = true;
    } catch (failure) {
      this.#options.onFailure(failure);
    }
  }

  #forgetAllBut(there: ReadonlySet<number>): void {
    for (const number of this.#told.keys()) if (!there.has(number)) this.#told.delete(number);
    for (const number of this.#heads.keys()) if (!there.has(number)) this.#heads.delete(number);
  }

  #settled(pull: FollowedPull): FollowedPull {
    const { number, headSha, updatedAt } = pull;
    const known = this.#heads.get(number);
    // GitHub touches a pull request when its head moves, so its head is at most as old as that.
    const head = known?.headSha === headSha ? known : { headSha, since: updatedAt };
    this.#heads.set(number, head);
    return this.#options.now() - head.since < CHECKS_COME_MS ? unsettled(pull) : pull;
  }

  async #publish(data: JsonObject): Promise<void> {
    const { project, publish } = this.#options;
    this.#spoken += 1;
    await publish("pulls", project, data, `pulls:${project}:${this.#startedAt}.${this.#spoken}`);
  }
}

interface News {
  readonly pull: FollowedPull;
  readonly text: string;
  readonly bytes: number;
}

/** With as many of its words as one message can carry; those that are settled go first. */
function newsOf(whole: FollowedPull): News {
  let pull = whole;
  let bytes = bytesOf(pull);
  while (bytes > OBSERVATION_BYTES && pull.comments.length > 0) {
    pull = { ...pull, comments: pull.comments.slice(Math.ceil(pull.comments.length / 4)) };
    bytes = bytesOf(pull);
  }
  return { pull, text: JSON.stringify(pull), bytes };
}

function inParts(news: readonly News[]): News[][] {
  const parts: News[][] = [];
  let room = 0;
  for (const each of news) {
    const last = parts.at(-1);
    room -= each.bytes;
    if (last === undefined || room < 0 || last.length === OBSERVATION_PULLS) {
      parts.push([each]);
      room = OBSERVATION_BYTES - each.bytes;
    } else last.push(each);
  }
  return parts;
}
