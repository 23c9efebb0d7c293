import type { Foreign } from "../kind.ts";
import { pullProject } from "../own-addresses.ts";
import type { Address } from "../ids.ts";
import { decideLiveness, type RuntimeState, type Verdict } from "./liveness.ts";
import { aggregate, decideEnded } from "./pull-requests.ts";
import { confirmed } from "./confirm.ts";
import type { EventNamed } from "./protocol.ts";
import { withLimit } from "./limits.ts";
import { pullRequestReactions } from "./reactions.ts";
import {
  isOver,
  movedAxis,
  terminated,
  withAxes,
  type Axes,
  type LifecycleState,
  type SessionContext,
  type SessionLimits,
  type SessionStep,
} from "./record.ts";
import { flown } from "./tool-flight.ts";

// Session observed
//
// What each observation makes of the record. Pure; the very same context when it tells nothing new.
//
//   O-1. An observation never reopens what is over; it may still say how the runtime is.
//   O-2. A healthy probe writes the lifecycle only when liveness itself had doubted it, so it hides no question.
//   O-3. Gone runtime and dead process end even a session that waits for input: the wait is no sign of life.
//   O-4. A verdict that was given up on (`stuck`) stays until other evidence, a sign of life or a death.
//   O-5. A merge parks the session, once; it never ends it.
//   O-6. A pull request that another session claimed is no longer its own, nor what was to be said about it.
//   O-8. Of what the daemon's own forge keeps only that forge's word counts: nobody else merges or hides it.
//   O-7. One that is done and whose pane is gone stays done; its runtime says that nobody is there any more.

type RuntimeObserved = EventNamed<"runtime.observed">;
type ActivityObserved = EventNamed<"activity.observed">;
type ScmObserved = EventNamed<"scm.observed">;
/** What is said of pull requests, as it was parsed. */
export type ScmSeen = ScmObserved["data"];

const RUNTIME = {
  alive: { state: "alive", reason: "process_running" },
  dead: { state: "exited", reason: "tmux_missing" },
  failed: { state: "probe_failed", reason: "probe_error" },
  indeterminate: { state: "unknown", reason: "" },
} as const satisfies Record<string, { state: RuntimeState; reason: string }>;

const OWNED_BY_LIVENESS: ReadonlySet<string> = new Set([
  "runtime_lost",
  "agent_process_exited",
  "probe_failure",
]);

/** What a liveness probe saw. */
export function runtimeObserved(
  context: SessionContext,
  { data, at }: Pick<RuntimeObserved, "data" | "at">,
  limits: SessionLimits,
): SessionContext {
  // Before the launch is answered nothing is there to be seen, and after the exit its record is the better witness.
  if (context.terminal.state !== "live") return context;
  const { axes } = context;
  const runtime = movedAxis(axes.runtime, RUNTIME[data.runtime], at);
  const seen = withAxes(context, { runtime });
  if (isOver(context)) return seen;
  const verdict = decideLiveness(
    {
      runtime: runtime.state,
      process: data.process,
      recentActivity: wasRecentlyActive(context, { at, recentMs: limits.recentMs }),
      prior: axes.detecting,
      evidence: data.evidence,
      at,
    },
    limits,
  );
  return withVerdict(seen, verdict, at);
}

function withVerdict(context: SessionContext, verdict: Verdict, at: number): SessionContext {
  const { lifecycle, stuckOn } = context.axes;
  const { reason } = verdict;
  if (verdict.state === "terminated") {
    // Its terminal will tell the supervisor, which starts it again: not over yet.
    return isRestarted(context) ? context : terminated(context, reason, at);
  }
  if (verdict.state === "working") {
    if (!isDoubted(context)) return context;
    const revived = movedAxis(lifecycle, { state: "working", reason }, at);
    return withAxes(context, { lifecycle: revived, detecting: null, stuckOn: null });
  }
  const isGivenUp = lifecycle.state === "stuck" && isDoubted(context);
  if (isGivenUp && stuckOn === evidenceOf(verdict)) return context;
  const moved = movedAxis(lifecycle, { state: verdict.state, reason }, at);
  return withAxes(context, {
    lifecycle: moved,
    detecting: verdict.state === "detecting" ? verdict.memory : null,
    stuckOn: verdict.state === "stuck" ? verdict.evidenceHash : null,
  });
}

function evidenceOf(verdict: Extract<Verdict, { state: "detecting" | "stuck" }>): string {
  return verdict.state === "stuck" ? verdict.evidenceHash : verdict.memory.evidenceHash;
}

/** Whether the lifecycle stands where liveness put it. */
function isDoubted({ axes: { lifecycle } }: SessionContext): boolean {
  return lifecycle.state === "detecting" || OWNED_BY_LIVENESS.has(lifecycle.reason);
}

function isRestarted({ supervisor: { spec } }: SessionContext): boolean {
  return spec.children.some(({ id, restart }) => id === "terminal" && restart !== "temporary");
}

/** A sign of life within `recentMs`. A wait for input does not stretch it (O-3). */
function wasRecentlyActive(
  { axes: { activity } }: SessionContext,
  { at, recentMs }: { at: number; recentMs: number },
): boolean {
  if (activity.state === "exited" || activity.lastActivityAt === null) return false;
  return at - activity.lastActivityAt <= recentMs;
}

const LIFECYCLE_OF = {
  active: { state: "working", reason: "task_in_progress" },
  ready: { state: "idle", reason: "research_complete" },
  idle: { state: "idle", reason: "" },
  waiting_input: { state: "needs_input", reason: "awaiting_user_input" },
  blocked: { state: "stuck", reason: "awaiting_user_input" },
} as const satisfies Record<string, { state: LifecycleState; reason: string }>;

/** What the agent says it is doing. Only a valid signal counts; it is also a sign of life. */
export function activityObserved(
  context: SessionContext,
  { data, at }: Pick<ActivityObserved, "data" | "at">,
): SessionContext {
  if (data.confidence !== "valid") return context;
  const { activity, lifecycle } = context.axes;
  if (isOver(context) && activity.state === data.state) return context;
  const { flight, isHeard } = flown(context.flight, activity.state, data);
  const known = flight === context.flight ? context : { ...context, flight };
  if (!isHeard) return known;
  const heard: Axes["activity"] = {
    state: data.state,
    since: activity.state === data.state ? activity.since : at,
    lastActivityAt: Math.max(at, activity.lastActivityAt ?? at),
    source: data.source ?? "none",
    signals: activity.signals + 1,
  };
  const told = withAxes(withLimit(withWords(known, data, at), data, at), { activity: heard });
  if (isOver(context) || data.state === "exited") return told;
  const moved = movedAxis(lifecycle, LIFECYCLE_OF[data.state], at);
  return withAxes(told, { lifecycle: moved, detecting: null, stuckOn: null });
}

/** The conversation that a signal names, and the text that it says was taken. */
function withWords(
  context: SessionContext,
  { event, text, agentSessionId }: ActivityObserved["data"],
  at: number,
): SessionContext {
  const taken = event === "user-prompt-submit" ? confirmed(context, { said: text, at }) : context;
  const name = nameOf(agentSessionId) ?? taken.agentSessionId;
  return name === taken.agentSessionId ? taken : { ...taken, agentSessionId: name };
}

/** A conversation without a name is none. */
function nameOf(conversation: string | undefined): string | undefined {
  return conversation === undefined || conversation.trim() === "" ? undefined : conversation;
}

/** Why what is said of pull requests is not for `from` to say; undefined when it is (O-8). */
export function foreignPull(
  { scm, projectId }: SessionContext,
  from: Address | undefined,
  { fetched, prs, released = [] }: ScmSeen,
): Foreign | undefined {
  if (!fetched) return undefined;
  const keepers = [...prs.map(({ url }) => url), ...released].map((url) => ({
    url,
    project: pullProject(url) ?? (scm === "local" ? projectId : undefined),
  }));
  const foreign = keepers.find(
    ({ project }) => project !== undefined && from !== `forge/${project}`,
  );
  if (foreign === undefined) return undefined;
  const { url, project } = foreign;
  const why = `it speaks of ${url}, and what pull requests there are only forge/${project} can say`;
  return { code: "PULL_REQUEST_FOREIGN", why };
}

// A record is written with every step: what is long is kept by the forge, and told in full only once.
const KEPT_COMMENTS = 50;
const KEPT_CHARS = 500;

/** What the forge says of its pull requests, and what is done about it at once. */
export function scmObserved(context: SessionContext, { data, at }: ScmObserved): SessionStep {
  const isRelease = data.released !== undefined;
  if (!data.fetched || (data.prs.length === 0 && !isRelease)) return { context, orders: [] };
  const prs = data.prs.map(kept);
  const isSame = JSON.stringify(prs) === JSON.stringify(context.prs);
  const seen = withPullRequest(isSame ? context : { ...context, prs }, at);
  return pullRequestReactions(seen, data.prs, at);
}

function withPullRequest(context: SessionContext, at: number): SessionContext {
  const verdict = aggregate(context.prs);
  const { pr, lifecycle } = context.axes;
  if (verdict === undefined) {
    if (pr.state === "none") return context;
    return withAxes(context, { pr: { state: "none", reason: "not_created", since: at } });
  }
  const isNews =
    pr.state !== verdict.state ||
    pr.reason !== verdict.reason ||
    pr.number !== verdict.number ||
    pr.url !== verdict.url;
  if (!isNews) return context;
  const shown = withAxes(context, { pr: { ...verdict, since: at } });
  const hasEnded = verdict.state === "merged" || verdict.state === "closed";
  if (!hasEnded || isOver(context)) return shown;
  const parked = movedAxis(lifecycle, decideEnded(verdict.state).lifecycle, at);
  return withAxes(shown, { lifecycle: parked, detecting: null, stuckOn: null });
}

function kept(pr: ScmObserved["data"]["prs"][number]): ScmObserved["data"]["prs"][number] {
  const { state, failing } = pr.ci;
  return {
    ...pr,
    ci: {
      state,
      ...(failing !== undefined && {
        failing: failing.map(({ name, url }) => ({ name, ...(url !== undefined && { url }) })),
      }),
    },
    comments: pr.comments
      .slice(-KEPT_COMMENTS)
      .map((comment) => ({ ...comment, body: comment.body.slice(0, KEPT_CHARS) })),
  };
}
