import { expect, it, onTestFinished } from "vitest";
import type { FollowedPull } from "../../machines/observations.ts";
import { PullsObservation } from "../../machines/observations.ts";
import { pause } from "../../actors/clock.ts";
import { bell } from "../../probes/bell.ts";
import { githubProbe, type Work } from "../../probes/github.ts";
import { manualClock } from "../support/clock.ts";

const EVERY_MS = 30_000;

function pull(number: number, more: Partial<FollowedPull> = {}): FollowedPull {
  return {
    url: `https://github.com/acme/app/pull/${number}`,
    number,
    title: "t",
    state: "open",
    headSha: "h1",
    headRef: `ao/app-${number}`,
    baseRef: "main",
    ci: { state: "none" },
    reviewDecision: "none",
    comments: [],
    mergeable: true,
    updatedAt: -60_000,
    author: "rita",
    mergeSha: null,
    ...more,
  };
}

function scene() {
  const clock = manualClock(0);
  const stop = new AbortController();
  const ours = bell(clock);
  const state = {
    work: [] as Work[],
    numbers: [] as number[],
    doubted: [] as number[],
    pulls: [] as FollowedPull[],
    failure: undefined as (Error & { retryAt?: number }) | undefined,
    isDeaf: false,
    restMs: 0,
    looks: [] as number[],
    published: [] as { id: string; data: unknown }[],
    failures: [] as unknown[],
  };
  const ended = githubProbe({
    project: "app",
    wanted: () => ({ work: state.work, numbers: state.numbers, doubted: state.doubted.splice(0) }),
    look: async () => {
      state.looks.push(clock.now());
      if (state.failure !== undefined) throw state.failure;
      return Promise.resolve({ pulls: state.pulls, restMs: state.restMs });
    },
    retryAt: () => state.failure?.retryAt,
    publish: async (_lane, _project, data, id) => {
      if (state.isDeaf) throw new Error("NATS is away");
      state.published.push({ id, data: PullsObservation.parse(data) });
      return Promise.resolve();
    },
    bell: ours,
    pause: async (ms, signal) => pause(clock, ms, signal),
    everyMs: EVERY_MS,
    now: () => clock.now(),
    signal: stop.signal,
    onFailure: (error) => state.failures.push(error),
  });
  onTestFinished(async () => {
    stop.abort();
    await ended;
    expect(clock.pending).toBe(0);
  });
  return { state, clock, ring: ours.ring };
}

const WORK: Work = { session: "app-1", branch: "ao/app-1", since: 0 };

it("tells each pull request once, and again when something of it is new, with the session of its branch (H1)", async () => {
  const { state, clock, ring } = scene();
  Object.assign(state, { work: [WORK], pulls: [pull(1), pull(2)] });
  ring();
  await clock.advance(0);
  expect(state.published).toEqual([
    {
      id: "pulls:app:0.1",
      data: { fetched: true, pulls: [{ ...pull(1), session: "app-1" }, pull(2)] },
    },
  ]);
  await clock.advance(EVERY_MS);
  expect(state.published).toHaveLength(1);
  state.pulls = [pull(1), pull(2, { headSha: "h2" })];
  await clock.advance(EVERY_MS);
  expect(state.published.slice(1)).toEqual([
    { id: "pulls:app:0.2", data: { fetched: true, pulls: [pull(2, { headSha: "h2" })] } },
  ]);
});

it("asks nothing while there is nothing to ask for, and begins when there is (H2)", async () => {
  const { state, clock, ring } = scene();
  await clock.advance(10 * EVERY_MS);
  expect(state.looks).toEqual([]);
  expect(clock.pending).toBe(0);
  state.numbers = [3];
  ring();
  await clock.advance(0);
  expect(state.looks).toEqual([10 * EVERY_MS]);
});

it("tells a failure once, and that it is over (H3)", async () => {
  const { state, clock, ring } = scene();
  Object.assign(state, { work: [WORK], pulls: [pull(1)] });
  ring();
  await clock.advance(0);
  state.failure = new Error("GitHub is away");
  await clock.advance(3 * EVERY_MS);
  expect(state.failures).toHaveLength(3);
  state.failure = undefined;
  await clock.advance(EVERY_MS);
  expect(state.published.slice(1).map(({ data }) => data)).toEqual([
    { fetched: false, pulls: [], reason: "GitHub is away", code: "REMOTE_UNREACHABLE" },
    { fetched: true, pulls: [] },
  ]);
});

it("tells again what could not be published", async () => {
  const { state, clock, ring } = scene();
  Object.assign(state, { work: [WORK], pulls: [pull(1)], isDeaf: true });
  ring();
  await clock.advance(0);
  state.isDeaf = false;
  await clock.advance(EVERY_MS);
  expect(state.published.map(({ data }) => data)).toMatchObject([
    { fetched: true, pulls: [{ number: 1 }] },
  ]);
});

it("comes at a ring, but not within two seconds of the last look (H4)", async () => {
  const { state, clock, ring } = scene();
  state.work = [WORK];
  ring();
  await clock.advance(0);
  await clock.advance(1_000);
  ring();
  ring();
  await clock.advance(999);
  expect(state.looks).toEqual([0]);
  await clock.advance(1);
  expect(state.looks).toEqual([0, 2_000]);
  await clock.advance(EVERY_MS - 1);
  expect(state.looks).toHaveLength(2);
});

it("rests as long as a look has to last, whoever rings (H4)", async () => {
  const { state, clock, ring } = scene();
  Object.assign(state, { work: [WORK], restMs: 36_000 });
  ring();
  await clock.advance(0);
  ring();
  await clock.advance(35_999);
  expect(state.looks).toEqual([0]);
  await clock.advance(1);
  expect(state.looks).toEqual([0, 36_000]);
});

it("asks nothing before a limit is over, whoever rings (H4)", async () => {
  const { state, clock, ring } = scene();
  state.work = [WORK];
  state.failure = Object.assign(new Error("limit"), { retryAt: 900_000 });
  ring();
  await clock.advance(0);
  ring();
  await clock.advance(899_999);
  expect(state.looks).toEqual([0]);
  await clock.advance(1);
  expect(state.looks).toEqual([0, 900_000]);
});

it("takes a head without checks for one whose checks are still to come, for a minute (H6)", async () => {
  const { state, clock, ring } = scene();
  const ciTold = (): unknown[] =>
    state.published.flatMap(({ data }) =>
      PullsObservation.parse(data).pulls.map(({ ci }) => ci.state),
    );
  Object.assign(state, { work: [WORK], pulls: [pull(1, { updatedAt: 0 })] });
  ring();
  await clock.advance(0);
  expect(ciTold()).toEqual(["pending"]);
  await clock.advance(2 * EVERY_MS);
  expect(ciTold()).toEqual(["pending", "none"]);
  // A comment makes no new head of it.
  state.pulls = [pull(1, { updatedAt: clock.now() })];
  await clock.advance(EVERY_MS);
  expect(ciTold()).toEqual(["pending", "none", "none"]);
  state.pulls = [pull(1, { headSha: "h2", updatedAt: clock.now() })];
  await clock.advance(EVERY_MS);
  expect(ciTold()).toEqual(["pending", "none", "none", "pending"]);
});

it("answers what another said, and says of what is not there that it is not (H5)", async () => {
  const { state, clock, ring } = scene();
  Object.assign(state, { work: [WORK], pulls: [pull(1)] });
  ring();
  await clock.advance(0);
  await clock.advance(EVERY_MS);
  expect(state.published).toHaveLength(1);
  state.doubted.push(1, 2);
  ring();
  await clock.advance(2_000);
  expect(state.published.slice(1).map(({ data }) => data)).toMatchObject([
    { pulls: [{ number: 1 }], gone: [2] },
  ]);
});

function wordy(body: string): Pick<FollowedPull, "comments"> {
  const said = { author: "rita", isBot: false, body, resolved: false };
  return { comments: Array.from({ length: 50 }, (_, n) => ({ id: `c${n}`, ...said })) };
}

async function toldOf(pulls: FollowedPull[]): Promise<FollowedPull[]> {
  const { state, clock, ring } = scene();
  Object.assign(state, { work: [WORK], pulls });
  ring();
  await clock.advance(0);
  for (const { data } of state.published) {
    expect(Buffer.byteLength(JSON.stringify(data))).toBeLessThan(500_000);
  }
  return state.published.flatMap(({ data }) => PullsObservation.parse(data).pulls);
}

it("tells the others though one has more words than a message can carry, and of that one what fits (H1)", async () => {
  const told = await toldOf([pull(1, wordy("\u0000".repeat(4_096))), pull(2)]);
  expect(told.map(({ number }) => number)).toEqual([1, 2]);
  expect(told[0]?.comments.at(-1)?.id).toBe("c49");
});

it("parts what one message could not carry", async () => {
  const words = wordy("x".repeat(4_096));
  const pulls = Array.from({ length: 60 }, (_, n) => pull(n + 1, n < 4 ? words : {}));
  expect(await toldOf(pulls)).toHaveLength(60);
});
