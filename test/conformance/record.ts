import { z } from "zod";
import type { PullRequestFacts } from "../../machines/observations.ts";
import { decideOpen, openFactsOf } from "../../machines/session/pull-requests.ts";
import { movedAxis, type Axes, type SessionContext } from "../../machines/session/record.ts";
import { displayStatus } from "../../machines/session/status.ts";
import { sessionView } from "../../http/session/view.ts";
import type { Stage } from "./stage.ts";
import { T0 } from "./stage.ts";
import { memoryShown } from "./tables.ts";

// Record
//
// A session's record as cases write it, and as it is read back.

const Lifecycle = z.enum([
  "not_started",
  "working",
  "idle",
  "needs_input",
  "stuck",
  "detecting",
  "done",
  "terminated",
]);
const Runtime = z.enum(["unknown", "alive", "exited", "missing", "probe_failed"]);
const Activity = z.enum(["none", "active", "ready", "idle", "waiting_input", "blocked", "exited"]);
const Pr = z.enum(["none", "draft", "open", "merged", "closed"]);
const Memory = z
  .strictObject({
    attempts: z.number().int(),
    startedAtSec: z.number(),
    evidenceHash: z.string(),
  })
  .nullable();

/** What a case may say of a record; what is left out is at rest, or stays as it is in a patch. */
export const RecordShape = z.strictObject({
  session: Lifecycle.optional(),
  reason: z.string().optional(),
  runtime: Runtime.optional(),
  runtimeReason: z.string().optional(),
  activity: Activity.optional(),
  activitySource: z.string().optional(),
  lastActivityAtSec: z.number().optional(),
  memory: Memory.optional(),
  prState: Pr.optional(),
  prReason: z.string().optional(),
  prNumber: z.number().int().optional(),
  prUrl: z.string().optional(),
  projectId: z.string().optional(),
  kind: z.string().optional(),
  revision: z.number().int().optional(),
  branch: z.string().optional(),
  agentSessionId: z.string().nullable().optional(),
  /** How the case calls the launch that runs. */
  launch: z.string().optional(),
  /** Whether its agent ever spoke; it did when it says what it does, unless this says no. */
  signalled: z.boolean().optional(),
});
export type RecordShape = z.infer<typeof RecordShape>;

// The reason that a state has when nothing else is said.
const RUNTIME_REASON: Readonly<Record<string, string>> = {
  unknown: "spawn_incomplete",
  alive: "process_running",
  exited: "process_missing",
  missing: "tmux_missing",
  probe_failed: "probe_error",
};

/** The record with what the case says of it. */
export function withShape(record: SessionContext, shape: RecordShape, at = T0): SessionContext {
  const { revision = record.revision, kind = record.kind, agentSessionId } = shape;
  const axes = axesWith(record.axes, shape, at);
  return {
    ...record,
    kind,
    revision,
    axes,
    agentSessionId: agentSessionId === undefined ? record.agentSessionId : agentSessionId,
    prs: shape.prState === undefined ? record.prs : pullRequests(shape, axes.pr.reason),
    ...starting(record, shape),
  };
}

function axesWith(axes: Axes, shape: RecordShape, at: number): Axes {
  const { session, runtime, activity, memory } = shape;
  const { lifecycle } = axes;
  const reason = shape.reason ?? (session === undefined ? lifecycle.reason : "");
  const why = shape.runtimeReason ?? RUNTIME_REASON[runtime ?? ""] ?? axes.runtime.reason;
  return {
    ...axes,
    lifecycle: movedAxis(lifecycle, { state: session ?? lifecycle.state, reason }, at),
    runtime: movedAxis(axes.runtime, { state: runtime ?? axes.runtime.state, reason: why }, at),
    activity: {
      ...axes.activity,
      ...spoken(shape, axes.activity),
      state: activity ?? axes.activity.state,
    },
    pr: pullRequestAxis(axes.pr, shape, at),
    detecting: memory === undefined ? axes.detecting : memoryFrom(memory),
  };
}

function pullRequestAxis(pr: Axes["pr"], shape: RecordShape, at: number): Axes["pr"] {
  const { prState, prReason, prNumber, prUrl } = shape;
  const isNamed = prUrl !== undefined || prNumber !== undefined;
  return {
    ...movedAxis(pr, { state: prState ?? pr.state, reason: prReason ?? pr.reason }, at),
    ...(prNumber !== undefined && { number: prNumber }),
    ...(isNamed && { url: urlOf(prUrl, prNumber) }),
  };
}

function spoken(
  { lastActivityAtSec, activitySource, activity, signalled }: RecordShape,
  { lastActivityAt, source, signals }: Axes["activity"],
): Pick<Axes["activity"], "lastActivityAt" | "source" | "signals"> {
  const said = activity === undefined ? lastActivityAt : (lastActivityAt ?? T0);
  const at = lastActivityAtSec === undefined ? said : T0 + lastActivityAtSec * 1_000;
  const isHeard = signalled ?? (activity !== undefined && activity !== "none");
  return {
    lastActivityAt: at,
    source: activitySource ?? source,
    signals: isHeard ? Math.max(1, signals) : signals,
  };
}

function memoryFrom(memory: z.infer<typeof Memory>): Axes["detecting"] {
  if (memory === null) return null;
  const { attempts, startedAtSec, evidenceHash } = memory;
  return { attempts, startedAt: T0 + startedAtSec * 1_000, evidenceHash };
}

/** One that was ordered and has not answered yet, as a launch that is under way. */
function starting(
  { terminal, workspace }: SessionContext,
  { session, runtime }: RecordShape,
): Pick<SessionContext, "terminal" | "workspace"> {
  if (session !== "not_started" || runtime === "alive") return { terminal, workspace };
  return {
    terminal: { ...terminal, state: "starting", pid: null },
    workspace: { ...workspace, state: "preparing" },
  };
}

/** The address of a pull request that the case names by number only. */
export function urlOf(url: string | undefined, number: number | undefined): string {
  return url ?? `case://pull/${number ?? 1}`;
}

/** A pull request whose facts come to the state and reason that the case gives. */
function pullRequests(shape: RecordShape, reason: string): readonly PullRequestFacts[] {
  const { prState = "none", prNumber, prUrl } = shape;
  if (prState === "none") return [];
  const plain: PullRequestFacts = {
    url: urlOf(prUrl, prNumber),
    number: prNumber ?? 1,
    title: "",
    state: prState,
    headSha: "",
    headRef: "head",
    baseRef: "main",
    ci: { state: "none" },
    reviewDecision: "none",
    comments: [],
    mergeable: null,
    updatedAt: T0,
  };
  const comment = { id: "c", author: "a", body: "b", resolved: false };
  const variants: PullRequestFacts[] = [
    plain,
    { ...plain, ci: { state: "failing" } },
    { ...plain, reviewDecision: "changes_requested" },
    { ...plain, comments: [{ ...comment, isBot: true }] },
    { ...plain, mergeable: false },
    { ...plain, mergeable: true },
    { ...plain, reviewDecision: "approved" },
    { ...plain, reviewDecision: "required" },
  ];
  return [variants.find((each) => decideOpen(openFactsOf(each)).reason === reason) ?? plain];
}

/** Everything of a record that a case may ask for. */
export function readRecord(stage: Stage): Record<string, unknown> {
  const [row, record] = [stage.row(), stage.record()];
  if (row === undefined || record === undefined) return { recordExists: false };
  const { axes, revision, terminal, workspace, trackers } = record;
  const { lastActivityAt } = axes.activity;
  return {
    recordExists: true,
    session: axes.lifecycle.state,
    reason: axes.lifecycle.reason,
    runtime: axes.runtime.state,
    runtimeReason: axes.runtime.reason,
    activity: axes.activity.state,
    activitySource: axes.activity.source,
    lastActivityAtSec: lastActivityAt === null ? null : (lastActivityAt - T0) / 1_000,
    prState: axes.pr.state,
    prReason: axes.pr.reason,
    prNumber: axes.pr.number,
    prUrl: axes.pr.url,
    memory: memoryShown(axes.detecting),
    revision,
    display: displayOf(stage),
    terminated: axes.lifecycle.state === "terminated",
    agentSessionId: record.agentSessionId,
    signalled: axes.activity.signals > 0,
    firstSignalSet: axes.activity.signals > 0,
    inflightEntries: Object.keys(record.flight.tools).length,
    trackers: Object.values(trackers).filter(({ attempts }) => attempts > 0).length,
    metadata: {
      branch: workspace.branch ?? record.branch,
      workspacePath: workspace.path,
      runtimeHandleId: terminal.handle,
      runtimeName: terminal.runtime,
      agentSessionId: record.agentSessionId,
      prompt: record.prompt,
    },
  };
}

/** The status as it is read for one session, and in a list; both, when they are not the same. */
function displayOf(stage: Stage): string {
  const record = stage.record();
  const row = stage.row();
  if (row === undefined || record === undefined) return "";
  const { lifecycle, pr, runtime } = record.axes;
  const projected = displayStatus({
    lifecycle,
    pr,
    activity: record.axes.activity.state,
    runtime: runtime.state,
  }).status;
  const viewed = sessionView(row, { at: stage.clock.now() }).status;
  return projected === viewed ? projected : `${projected} ≠ ${viewed}`;
}
