import { recordOf, stateOf } from "../stored-state.ts";
import { z } from "zod";
import type { System } from "../../actors/system.ts";
import { PreservedWork } from "../../machines/effects.ts";
import { splitAddress } from "../../machines/ids.ts";
import type { Json } from "../../machines/json.ts";
import { PullRequestFacts } from "../../machines/observations.ts";
import { displayStatus, STATUSES, type Status } from "../../machines/session/status.ts";
import type { SnapshotRow, SummaryRow } from "../../storage/store.ts";
import { ATTENTIONS, attentionOf } from "../attention.ts";
import { statePaths } from "../views.ts";

// Session view
//
// A committed row of a session as the outside sees it. The only place that knows the shape of a session's context.
//
//   W1. A field that is missing or odd becomes its resting value: a view never fails because of a row.
//   W2. Status is worked out here, on every read.
//   W3. Of a session that was ended no process is said to be alive, whatever its record noted last.

const Axis = z.object({ state: z.string(), reason: z.string() });
const Report = z.object({ at: z.number(), summary: z.string(), outcome: z.string() });
const Trouble = z.object({ code: z.string(), message: z.string(), at: z.number() });
const Message = z.object({
  id: z.string(),
  text: z.string().catch(""),
  state: z.string().catch("queued"),
  at: z.number().catch(0),
  deliveredAt: z.number().optional().catch(undefined),
  reason: z.string().optional().catch(undefined),
});
export const MessageView = Message;

/** Something a person should know; `seen` was taken note of while it goes on, `resolved` is over. */
export const NoticeView = z.object({
  id: z.string(),
  sessionId: z.string(),
  /** All of them, when it is about several at once; `sessionId` is the first. */
  sessionIds: z.array(z.string()).optional(),
  projectId: z.string(),
  type: z.string(),
  priority: z.string(),
  title: z.string(),
  text: z.string(),
  /** The pull request or the reaction it is about; may be empty. */
  about: z.string(),
  state: z.enum(["open", "seen", "resolved"]),
  since: z.number(),
  seenAt: z.number().optional(),
  resolvedAt: z.number().optional(),
});
export type NoticeView = z.infer<typeof NoticeView>;

const WorkspaceView = z.object({
  state: z.string().catch("unknown"),
  path: z.string().nullish().catch(undefined),
  branch: z.string().nullish().catch(undefined),
  headSha: z.string().nullish().catch(undefined),
  dirty: z.boolean().nullish().catch(undefined),
  unpushed: z.number().nullish().catch(undefined),
  /** Why it is kept, or could not be made. */
  reason: z.string().nullish().catch(undefined),
  /** Work that was not committed when it was removed: its ref, as long as that is there, and whether it was put back. */
  preserved: PreservedWork.nullish().catch(undefined),
});

/** What `GET /sessions/:id` answers. Times are milliseconds since 1970. */
export const SessionView = z.object({
  id: z.string(),
  projectId: z.string(),
  objectiveId: z.string().optional(),
  kind: z.string(),
  harness: z.string(),
  title: z.string(),
  prompt: z.string(),
  branch: z.string().optional(),
  status: z.enum(STATUSES),
  statusReason: z.string(),
  statusSince: z.number(),
  /** Whose turn it is. */
  attention: z.enum(ATTENTIONS),
  lifecycle: Axis.extend({ since: z.number() }),
  runtime: Axis,
  activity: z.object({
    state: z.string(),
    lastActivityAt: z.number().nullable(),
    source: z.string(),
  }),
  pr: Axis.extend({ number: z.number().optional(), url: z.string().optional() }),
  prs: z.array(PullRequestFacts),
  wanted: z.string(),
  detecting: z
    .object({ attempts: z.number(), startedAt: z.number(), evidenceHash: z.string() })
    .nullable(),
  /** The limit of its harness that it rests at; it goes on by itself when that is over. Absent while there is none. */
  limit: z.object({ since: z.number(), until: z.number() }).optional(),
  workspace: WorkspaceView,
  terminal: z.object({
    id: z.string(),
    epoch: z.number(),
    state: z.string(),
    /** How its program ended, once it has. */
    exitCode: z.number().optional(),
    signal: z.string().optional(),
    /** The argv that shows it to a person; empty when there is nothing to show. */
    attach: z.array(z.string()),
  }),
  /** What the agent said its work came to, once it has. */
  report: Report.nullable(),
  /** What could not be done for it, and was given up. */
  trouble: Trouble.nullable(),
  /** What people should know of it and is not over. */
  notices: z.array(NoticeView),
  revision: z.number(),
  createdAt: z.number(),
  updatedAt: z.number(),
});
export type SessionView = z.infer<typeof SessionView>;

export interface SessionViewOptions {
  /** The time to read the status at; that of the row when absent. */
  readonly at?: number;
  readonly attach?: ((terminal: string) => readonly string[]) | undefined;
}

const StoredAxis = z.object({
  state: z.string().optional().catch(undefined),
  reason: z.string().catch(""),
  since: z.number().optional().catch(undefined),
  lastActivityAt: z.number().nullable().catch(null),
  source: z.string().catch("none"),
  number: z.number().optional().catch(undefined),
  url: z.string().optional().catch(undefined),
});
type StoredAxis = z.infer<typeof StoredAxis> & { state: string };
const LooseAxis = StoredAxis.catch(() => StoredAxis.parse({}));

const Stored = z.object({
  projectId: z.string().catch(""),
  objectiveId: z.string().optional().catch(undefined),
  kind: z.string().catch("worker"),
  harness: z.string().catch("command"),
  title: z.string().catch(""),
  prompt: z.string().catch(""),
  branch: z.string().optional().catch(undefined),
  lifecycle: LooseAxis,
  runtime: LooseAxis,
  activity: LooseAxis,
  pr: LooseAxis,
  prs: z.array(z.unknown()).catch([]),
  detecting: SessionView.shape.detecting.catch(null),
  limit: z.object({ since: z.number(), until: z.number() }).optional().catch(undefined),
  workspace: WorkspaceView.catch({ state: "unknown" }),
  terminal: z
    .object({
      epoch: z.number().catch(0),
      state: z.string().catch("unknown"),
      exitCode: z.number().nullish().catch(undefined),
      signal: z.string().nullish().catch(undefined),
    })
    .catch({ epoch: 0, state: "unknown" }),
  messages: z.array(z.unknown()).catch([]),
  report: Report.nullable().catch(null),
  trouble: Trouble.nullable().catch(null),
  revision: z.number().optional().catch(undefined),
  createdAt: z.number().optional().catch(undefined),
  updatedAt: z.number().optional().catch(undefined),
  wanted: z.string().catch("running"),
});

/** Those that rest on a pull request. */
const PULL_STATUSES: ReadonlySet<Status> = new Set([
  "pr_open",
  "draft",
  "ci_failed",
  "review_pending",
  "changes_requested",
  "approved",
  "mergeable",
  "merged",
]);

/** A session as the outside sees it. */
export function sessionView(row: SnapshotRow, options: SessionViewOptions = {}): SessionView {
  const { id } = splitAddress(row.address);
  const { stored, region, value, context } = readSession(row);
  const axis = (name: "lifecycle" | "runtime" | "activity" | "pr", rest: string): StoredAxis => ({
    ...stored[name],
    state: region(name) ?? stored[name].state ?? rest,
  });
  const { shape } = SessionView;
  const axes = {
    lifecycle: shape.lifecycle.parse({
      since: row.createdAt,
      ...present(axis("lifecycle", "not_started")),
    }),
    runtime: runtimeOf(stored, shape.runtime.parse(axis("runtime", "unknown"))),
    activity: shape.activity.parse(axis("activity", "none")),
    pr: shape.pr.parse(present(axis("pr", "none"))),
  };
  const { report, trouble, projectId, kind, harness, title, prompt, detecting, prs, workspace } =
    stored;
  const shown = displayStatus({
    ...axes,
    runtime: axes.runtime.state,
    activity: axes.activity.state,
    ...silence(stored, (options.at ?? row.updatedAt) - axes.lifecycle.since),
  });
  return {
    id,
    projectId,
    kind,
    harness,
    title,
    prompt,
    detecting,
    workspace,
    report,
    trouble,
    ...present({ objectiveId: stored.objectiveId, branch: stored.branch, limit: stored.limit }),
    attention: turnWith(row, { value, context }, shown.status),
    status: shown.status,
    statusReason: shown.reason,
    statusSince: (PULL_STATUSES.has(shown.status) && stored.pr.since) || axes.lifecycle.since,
    ...axes,
    prs: prs.flatMap((facts) => PullRequestFacts.safeParse(facts).data ?? []),
    wanted: region("wanted") ?? stored.wanted,
    terminal: terminalOf(id, stored, options.attach),
    notices: noticeViews(row.address, context).filter(({ state }) => state !== "resolved"),
    revision: row.seq,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    ...present({
      revision: stored.revision,
      createdAt: stored.createdAt,
      updatedAt: stored.updatedAt,
    }),
  };
}

/** What the process of a session came to that was over before it was ended (W3): its record keeps what was seen last. */
export const ENDED_RUNTIME = { state: "exited", reason: "session_ended" } as const;

function runtimeOf(
  { wanted, terminal }: z.infer<typeof Stored>,
  seen: SessionView["runtime"],
): SessionView["runtime"] {
  const isGone = wanted === "closed" && terminal.state === "stopped";
  return isGone && seen.state === "alive" ? ENDED_RUNTIME : seen;
}

/** Whose turn it is with a session. */
function turnWith(
  { isQuarantined }: SnapshotRow,
  { value, context }: ReturnType<typeof stateOf>,
  status: Status,
): SessionView["attention"] {
  return attentionOf({
    kind: "session",
    states: statePaths(value),
    notices: context["notices"],
    isDone: false,
    isQuarantined,
    isSilent: status === "no_signal",
  });
}

const StoredNotice = NoticeView.omit({
  sessionId: true,
  sessionIds: true,
  projectId: true,
  state: true,
}).extend({
  about: z.string().catch(""),
});

/** Every notice that is kept of an actor, oldest first. */
export function noticeViews(
  address: SnapshotRow["address"],
  context: Record<string, unknown>,
): NoticeView[] {
  const { id: sessionId } = splitAddress(address);
  const projectId = z.string().catch("").parse(context["projectId"]);
  const kept = z.array(z.unknown()).catch([]).parse(context["notices"]);
  return kept.flatMap((entry) => {
    const notice = StoredNotice.safeParse(entry).data;
    if (notice === undefined) return [];
    return [{ sessionId, projectId, state: standingOf(notice), ...notice }];
  });
}

function standingOf({
  seenAt,
  resolvedAt,
}: Pick<NoticeView, "seenAt" | "resolvedAt">): NoticeView["state"] {
  if (resolvedAt !== undefined) return "resolved";
  return seenAt === undefined ? "open" : "seen";
}

/** The display status of a session by its summary alone. */
export function statusOf({ value, facts, updatedAt }: SummaryRow, at: number): Status {
  const region = regionsOf(value);
  const text = (name: string): string => z.string().catch("").parse(facts[name]);
  const unheardSince = z.number().optional().catch(undefined).parse(facts["unheardSince"]);
  return displayStatus({
    lifecycle: { state: region("lifecycle") ?? "not_started", reason: text("reason") },
    pr: { state: region("pr") ?? "none", reason: text("pr") },
    runtime: region("runtime") ?? "unknown",
    activity: region("activity") ?? "none",
    ...(unheardSince !== undefined && { silentMs: Math.max(at, updatedAt) - unheardSince }),
  }).status;
}

/** Every message to a session, oldest first. */
export function messageViews(row: SnapshotRow): z.infer<typeof MessageView>[] {
  return readSession(row).stored.messages.flatMap((entry) => Message.safeParse(entry).data ?? []);
}

/** The newest incarnation of a session's agent; 0 before the first. */
export function epochOf(system: System, row: SnapshotRow): number {
  const { value, context } = stateOf(row);
  const ask = system.kinds.get("session")?.epochOf;
  return ask === undefined
    ? readSession(row).stored.terminal.epoch
    : ask({ status: "active", value, context });
}

function readSession(row: SnapshotRow): ReturnType<typeof stateOf> & {
  stored: z.infer<typeof Stored>;
  region: (name: string) => string | undefined;
} {
  const { value, context } = stateOf(row);
  const axes = recordOf(context["axes"]);
  const stored = Stored.parse({ ...context, ...axes });
  return { value, context, stored, region: regionsOf(value) };
}

/** The state of each region of a parallel state, by its name. */
function regionsOf(value: Json): (name: string) => string | undefined {
  const regions = recordOf(value);
  return (name) => {
    const state = regions[name];
    if (typeof state === "string") return state;
    return typeof state === "object" && state !== null ? Object.keys(state)[0] : undefined;
  };
}

// Before its launch is answered, and after its end, there is no pane.
const PANELESS: ReadonlySet<string> = new Set(["absent", "starting", "stopped"]);

function terminalOf(
  id: string,
  { terminal: { epoch, state, exitCode, signal } }: z.infer<typeof Stored>,
  attach: SessionViewOptions["attach"],
): SessionView["terminal"] {
  return {
    id,
    epoch,
    state,
    ...present({ exitCode: exitCode ?? undefined, signal: signal ?? undefined }),
    attach: PANELESS.has(state) ? [] : [...(attach?.(id) ?? [])],
  };
}

// Programs run as `command` have no hooks, so their silence says nothing.
function silence(stored: z.infer<typeof Stored>, silentMs: number): { silentMs?: number } {
  const isHeard = stored.harness === "command" || stored.activity.lastActivityAt !== null;
  return isHeard ? {} : { silentMs };
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** The members that are there. */
function present<T extends object>(value: T): Partial<Present<T>> & Pick<T, RequiredKeys<T>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only undefined members are left out
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as never;
}

type RequiredKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? never : K }[keyof T];
