import { z } from "zod";
import type { PullRequestFacts } from "../../machines/observations.ts";
import { evidenceHashOf } from "../../machines/session/liveness.ts";
import { decideOpen, openFactsOf } from "../../machines/session/pull-requests.ts";
import { movedAxis, type Axes, type SessionContext } from "../../machines/session/record.ts";
import { displayStatus } from "../../machines/session/status.ts";
import { sessionView } from "../../http/session/view.ts";
import type { Stage } from "./stage.ts";
import { T0 } from "./stage.ts";
import { memoryShown } from "./tables.ts";
import {
  Activity,
  ActivitySource,
  PrReason,
  PrState,
  RuntimeReason,
  RuntimeState,
  SessionReason,
  SessionState,
} from "./vocabulary.ts";

// Record
//
// A session's record as cases write it, and as it is read back.

const Memory = z
  .strictObject({
    attempts: z.number().int(),
    startedAtSec: z.number(),
    evidenceHash: z.string().optional(),
    evidence: z.string().optional(),
  })
  .nullable();
const Metadata = z.strictObject({
  branch: z.string().optional(),
  workspacePath: z.string().optional(),
  runtimeHandleId: z.string().optional(),
  runtimeName: z.string().optional(),
  agentSessionId: z.string().nullable().optional(),
  prompt: z.string().optional(),
});

/** What a case may say of a record; what is left out is at rest, or stays as it is in a patch. */
export const RecordShape = Metadata.extend({
  session: SessionState.optional(),
  reason: SessionReason.optional(),
  runtime: RuntimeState.optional(),
  runtimeReason: RuntimeReason.optional(),
  activity: z.enum(["none", ...Activity.options]).optional(),
  activitySource: ActivitySource.optional(),
  lastActivityAtSec: z.number().optional(),
  memory: Memory.optional(),
  prState: PrState.optional(),
  prReason: PrReason.optional(),
  prNumber: z.number().int().optional(),
  prUrl: z.string().optional(),
  projectId: z.string().optional(),
  kind: z.enum(["worker", "orchestrator"]).optional(),
  metadata: Metadata.optional(),
  revision: z.number().int().optional(),
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
  const { revision = record.revision, kind = record.kind } = shape;
  const axes = axesWith(record.axes, shape, at);
  const known = withMetadata(record, { ...shape, ...shape.metadata });
  return {
    ...known,
    kind,
    revision,
    axes,
    prs: shape.prState === undefined ? record.prs : pullRequests(shape, axes.pr.reason),
    ...starting(known, shape),
  };
}

function withMetadata(record: SessionContext, told: z.infer<typeof Metadata>): SessionContext {
  const { workspace, terminal } = record;
  const { branch = record.branch, prompt = record.prompt } = told;
  const { workspacePath: path, runtimeHandleId: handle, runtimeName: runtime } = told;
  const { agentSessionId = record.agentSessionId } = told;
  return {
    ...record,
    branch,
    prompt,
    agentSessionId,
    workspace: {
      ...workspace,
      ...(told.branch !== undefined && { branch }),
      ...(path !== undefined && { path }),
    },
    terminal: {
      ...terminal,
      ...(handle !== undefined && { handle }),
      ...(runtime !== undefined && { runtime }),
    },
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
  const { attempts, startedAtSec, evidence = "", evidenceHash = evidenceHashOf(evidence) } = memory;
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
