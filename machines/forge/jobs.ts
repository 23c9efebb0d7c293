import { isOpenPull } from "../pull-state.ts";
import type { Trouble } from "../children.ts";
import type { Check, EffectData } from "../effects.ts";
import type { Order } from "../order.ts";
import { reviewOf } from "./followed.ts";
import { scmObservation, type Pull } from "./pulls.ts";
import type { Decided } from "../recording.ts";

// Forge jobs
//
// What the forge keeps, and the last word of each of its steps: hands out the jobs that wait (F1), and publishes the
// pull requests that changed (F2).

export type Jobs = {
  /** Numbers of the inspection that is out. */
  readonly inspecting: readonly number[];
  readonly toInspect: readonly number[];
  /** Their inspection failed; a timer brings them back. */
  readonly inspectLater: readonly number[];
  readonly checking: { readonly number: number; readonly headSha: string } | null;
  readonly toCheck: readonly number[];
  /** Their checks could not be run; a timer brings them back. */
  readonly checkLater: readonly number[];
  readonly merging: number | null;
  readonly toMerge: readonly number[];
  /** Could not be merged as a session asked; a timer brings them back. */
  readonly mergeLater: readonly number[];
  /** What is to be opened at GitHub; the first of them is out when `isOpening`. */
  readonly opening: readonly Opening[];
  readonly isOpening: boolean;
};

/** A pull request that GitHub is to be asked for, and whose work it is. */
export type Opening = Omit<EffectData<"openPullRequest">, "github"> & {
  readonly session?: string;
  /** GitHub was asked for it; its answer is still to come. */
  readonly isOut?: true;
};

/** One that GitHub did not open, and why; forgotten when it is asked for again. */
export type FailedOpening = {
  readonly headRef: string;
  readonly baseRef: string;
  readonly trouble: Trouble;
};

export type ForgeContext = {
  readonly projectId: string;
  readonly root: string;
  readonly defaultBranch: string;
  readonly origin: string | null;
  /** The repository at GitHub that keeps its pull requests; null when they are kept here. */
  readonly github: string | null;
  /** Why GitHub could not be asked last; null when it could. */
  readonly trouble: Trouble | null;
  /** The newest last. */
  readonly failedOpenings: readonly FailedOpening[];
  readonly checks: readonly Check[];
  /** Its project names reviewers, or reviews every head by itself. */
  readonly owesReview: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly nextNumber: number;
  /** By number. */
  readonly pulls: Readonly<Record<string, Pull>>;
  readonly jobs: Jobs;
};

type Step = Decided<ForgeContext>;

/** No pull request, and nothing under way. */
export const NOTHING: Pick<ForgeContext, "nextNumber" | "pulls" | "jobs" | "failedOpenings"> = {
  nextNumber: 1,
  pulls: {},
  jobs: {
    inspecting: [],
    toInspect: [],
    inspectLater: [],
    checking: null,
    toCheck: [],
    checkLater: [],
    merging: null,
    toMerge: [],
    mergeLater: [],
    opening: [],
    isOpening: false,
  },
  failedOpenings: [],
};

// No pull request has this number.
const NOBODY = 0;

/**
 * Of the jobs for a former keeper what is out: results are still to come, speak of nothing here (F3), and nothing else
 * of their sort goes out before (F1).
 */
export function outOf({ inspecting, checking, merging, isOpening }: Jobs): Jobs {
  return {
    ...NOTHING.jobs,
    inspecting: inspecting.length > 0 ? [NOBODY] : [],
    checking: checking === null ? null : { number: NOBODY, headSha: "" },
    merging: merging === null ? null : NOBODY,
    isOpening,
  };
}

/** The context with one pull request replaced; the very same one when it is the same. */
export function withPull(context: ForgeContext, pull: Pull): ForgeContext {
  if (context.pulls[pull.number] === pull) return context;
  return { ...context, pulls: { ...context.pulls, [pull.number]: pull } };
}

/** The context with some jobs replaced. */
export function withJobs(context: ForgeContext, jobs: Partial<Jobs>): ForgeContext {
  return { ...context, jobs: { ...context.jobs, ...jobs } };
}

/** The list with the numbers in it once. */
export function including(list: readonly number[], numbers: readonly number[]): readonly number[] {
  return [...new Set([...list, ...numbers])];
}

// How they are run is GitHub's; a head with some that have not passed is not merged in any case.
const CHECKS_THERE = [{ name: "those of GitHub", command: "" }];

/** What a head has to pass before it is merged. */
export function checksOf({ github, checks }: ForgeContext): readonly Check[] {
  return github === null ? checks : CHECKS_THERE;
}

/** The context in which a pull request waits for its merge. */
export function toBeMerged(context: ForgeContext, pull: Pull): ForgeContext {
  const { toMerge, mergeLater } = context.jobs;
  return withJobs(withPull(context, { ...pull, merging: true }), {
    toMerge: including(toMerge, [pull.number]),
    mergeLater: mergeLater.filter((number) => number !== pull.number),
  });
}

/** The end of every step: hands out what waits, and publishes what is new since `before`. */
export function settled(
  before: ForgeContext,
  after: ForgeContext,
  orders: readonly Order[] = [],
): Step {
  const steps = [handOutMerge, handOutInspection, handOutCheck, handOutOpening];
  let step: Step = { context: after, orders };
  for (const handOut of steps) {
    const { context, orders: more } = handOut(step.context);
    step = { context, orders: [...step.orders, ...more] };
  }
  return { ...step, orders: [...step.orders, ...observations(before, step.context)] };
}

function observations(before: ForgeContext, after: ForgeContext): Order[] {
  if (before.pulls === after.pulls) return [];
  const pulls = Object.values(after.pulls);
  const changed = pulls.filter((pull) => pull !== before.pulls[pull.number]);
  const known = changed.filter(({ headSha }) => headSha !== "");
  const owners = known.flatMap(({ session }) => session ?? []);
  const released = changed.flatMap(({ number, url, session }) => {
    const former = before.pulls[number]?.session ?? session;
    return former === undefined || former === session ? [] : [{ id: former, url }];
  });
  const sessions = new Set([...owners, ...released.map(({ id }) => id)]);
  return [...sessions].map((id) => {
    const given = released.filter((each) => each.id === id).map(({ url }) => url);
    return { type: "observation", lane: "scm", id, data: scmObservation(pulls, id, given) };
  });
}

function handOutInspection(context: ForgeContext): Step {
  const { inspecting, toInspect } = context.jobs;
  const pulls = toInspect.flatMap((number) => livePull(context, number) ?? []);
  if (toInspect.length === 0 || inspecting.length > 0) return { context, orders: [] };
  if (pulls.length === 0) return { context: withJobs(context, { toInspect: [] }), orders: [] };
  return {
    context: withJobs(context, { inspecting: pulls.map(({ number }) => number), toInspect: [] }),
    orders: [
      {
        type: "effect",
        name: "inspectBranches",
        lane: `forge:${context.projectId}`,
        data: {
          repo: context.root,
          pulls: pulls.map(({ number, headRef, baseRef }) => ({ number, headRef, baseRef })),
        },
      },
    ],
  };
}

function handOutCheck(context: ForgeContext): Step {
  const { checking, toCheck } = context.jobs;
  if (checking !== null || toCheck.length === 0) return { context, orders: [] };
  const pull = toCheck
    .map((number) => livePull(context, number))
    .find((each) => each !== undefined);
  if (pull === undefined) return { context: withJobs(context, { toCheck: [] }), orders: [] };
  const { number, headSha } = pull;
  const rest = toCheck.slice(toCheck.indexOf(number) + 1);
  return {
    context: withJobs(context, { checking: { number, headSha }, toCheck: rest }),
    orders: [
      {
        type: "effect",
        name: "runChecks",
        lane: `checks:${context.projectId}`,
        data: {
          repo: context.root,
          projectId: context.projectId,
          number,
          headSha,
          checks: context.checks,
          env: context.env,
        },
      },
    ],
  };
}

function handOutMerge(context: ForgeContext): Step {
  const { merging, toMerge } = context.jobs;
  if (merging !== null || toMerge.length === 0) return { context, orders: [] };
  const pull = toMerge
    .map((number) => livePull(context, number))
    .find((each) => each !== undefined);
  if (pull === undefined) return { context: withJobs(context, { toMerge: [] }), orders: [] };
  const { number, title, headRef, headSha, baseRef } = pull;
  const rest = toMerge.slice(toMerge.indexOf(number) + 1);
  return {
    context: withJobs(context, { merging: number, toMerge: rest }),
    orders: [
      {
        type: "effect",
        name: "mergePullRequest",
        lane: `forge:${context.projectId}`,
        data: {
          repo: context.root,
          projectId: context.projectId,
          number,
          title,
          headRef,
          headSha,
          baseRef,
          ...(context.github !== null && {
            github: context.github,
            review: reviewOf(pull, context.owesReview),
          }),
        },
      },
    ],
  };
}

function handOutOpening(context: ForgeContext): Step {
  const { projectId, github, jobs } = context;
  const [first] = jobs.opening;
  if (first === undefined || jobs.isOpening || github === null) return { context, orders: [] };
  const { session: _, isOut: __, ...wanted } = first;
  const opening: Opening[] = [{ ...first, isOut: true }, ...jobs.opening.slice(1)];
  return {
    context: withJobs(context, { opening, isOpening: true }),
    orders: [
      {
        type: "effect",
        name: "openPullRequest",
        lane: `forge:${projectId}`,
        data: { github, ...wanted },
      },
    ],
  };
}

function livePull(context: ForgeContext, number: number): Pull | undefined {
  const pull = context.pulls[number];
  return pull !== undefined && isOpenPull(pull) ? pull : undefined;
}
