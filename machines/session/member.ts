import { z } from "zod";
import { PullState } from "../pull-state.ts";
import { addressOf } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { MailOrder } from "../order.ts";
import { isPending } from "./pull-requests.ts";
import type { SessionContext, SessionMessage } from "./record.ts";
import { Cause } from "../supervision/supervision.ts";

// Member
//
// What a session that belongs to an objective tells it: one bounded mail, `member.seen`, with every step that changes
// what an objective decides by. Level facts: the newest one replaces all before it.
//
//   B-1. A step that changes none of the facts tells nothing; signs of life are told once a minute.
//   B-2. Every text that the objective sent is answered by a receipt, with the mail of the step that settled it.
//   B-3. An end is told with its cause, and only when the session itself is sure of it.

const Short = z.string().max(256);

/** A pull request, as far as an objective decides by it. */
const MemberPull = z.object({
  url: z.string().max(2_000),
  number: z.number().int(),
  title: z.string().max(200),
  state: PullState,
  headSha: Short,
  headRef: Short,
  ci: z.enum(["none", "pending", "passing", "failing"]),
  review: z.enum(["none", "required", "approved", "changes_requested"]),
  mergeable: z.boolean().nullable(),
  /** Comments that nobody has resolved. */
  unresolved: z.number().int(),
});
type MemberPull = z.infer<typeof MemberPull>;

/** What became of a text that the objective sent. */
const Receipt = z.object({
  ref: z.string().max(128),
  state: z.enum(["delivered", "expired", "undeliverable"]),
  reason: z.string().max(2_000).optional(),
});
type Receipt = z.infer<typeof Receipt>;

const MemberFacts = z.object({
  kind: Short,
  title: z.string().max(1_000).default(""),
  harness: Short.default(""),
  lifecycle: z.object({ state: Short, reason: Short }),
  activity: z.object({ state: Short, since: z.number() }),
  runtime: Short,
  /** The last sign of life, to the minute. */
  evidenceAt: z.number().nullable(),
  terminal: z.object({ epoch: z.number().int(), state: Short }),
  pulls: z.array(MemberPull).max(20),
  workspace: z.object({
    path: z.string().max(4_096).nullable(),
    branch: Short.nullable(),
    headSha: Short.nullable(),
    dirty: z.boolean(),
    unpushed: z.number().int(),
    state: Short,
  }),
  report: z.object({ summary: z.string().max(6_000), outcome: Short }).nullable(),
  /** When a limit of its harness is over that it rests at. */
  limitedUntil: z.number().nullable().default(null),
  /** Why it ended; null while it has not. */
  ended: Cause.nullable(),
  exitCode: z.number().int().nullable(),
});
type MemberFacts = z.infer<typeof MemberFacts>;

/** `member.seen`. */
export const MemberSeen = z.object({
  facts: MemberFacts,
  receipts: z.array(Receipt).max(256).default([]),
});
export type MemberSeen = z.infer<typeof MemberSeen>;

const SIGN_EVERY_MS = 60_000;
const MOST_PULLS = 20;
const SUMMARY_CHARS = 6_000;

/** The mail with which a session tells its objective what a step changed; none when it has none, or nothing changed. */
export function memberNews(before: SessionContext, after: SessionContext): MailOrder[] {
  if (after.objectiveId === undefined || before === after) return [];
  const facts = factsOf(after);
  const receipts = receiptsOf(before, after);
  const isSame = before.objectiveId !== undefined && same(factsOf(before), facts);
  if (isSame && receipts.length === 0) return [];
  return [memberMail(after.objectiveId, { facts, receipts })];
}

/** Tells an objective that a text of its own was not even taken. */
export function refusedReceipt(
  context: SessionContext,
  ref: string | undefined,
  reason: string,
): MailOrder[] {
  if (context.objectiveId === undefined || ref === undefined) return [];
  const receipts = [{ ref, state: "undeliverable" as const, reason: reason.slice(0, 2_000) }];
  return [memberMail(context.objectiveId, { facts: factsOf(context), receipts })];
}

function memberMail(objectiveId: string, data: JsonObject): MailOrder {
  return { type: "mail", to: addressOf("objective", objectiveId), name: "member.seen", data };
}

function same(one: MemberFacts, other: MemberFacts): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function factsOf(context: SessionContext): MemberFacts {
  const { axes, terminal, workspace, report, prs } = context;
  const { lastActivityAt } = axes.activity;
  return {
    kind: context.kind,
    title: context.title.slice(0, 1_000),
    harness: context.harness,
    lifecycle: { state: axes.lifecycle.state, reason: axes.lifecycle.reason.slice(0, 256) },
    activity: { state: axes.activity.state, since: axes.activity.since },
    runtime: axes.runtime.state,
    evidenceAt:
      lastActivityAt === null ? null : Math.floor(lastActivityAt / SIGN_EVERY_MS) * SIGN_EVERY_MS,
    terminal: { epoch: terminal.epoch, state: terminal.state },
    pulls: prs.slice(-MOST_PULLS).map(pullOf),
    workspace: {
      path: workspace.path,
      branch: workspace.branch,
      headSha: workspace.headSha,
      dirty: workspace.dirty,
      unpushed: workspace.unpushed,
      state: workspace.state,
    },
    report: report && {
      summary: report.summary.slice(0, SUMMARY_CHARS),
      outcome: report.outcome,
    },
    limitedUntil: context.limit?.until ?? null,
    ended: endOf(context),
    exitCode: terminal.exitCode,
  };
}

function pullOf(pr: SessionContext["prs"][number]): MemberPull {
  return {
    url: pr.url,
    number: pr.number,
    title: pr.title.slice(0, 200),
    state: pr.state,
    headSha: pr.headSha,
    headRef: pr.headRef,
    ci: pr.ci.state,
    review: pr.reviewDecision,
    mergeable: pr.mergeable,
    unresolved: pr.comments.filter(isPending).length,
  };
}

/** Why a session ended, as classes of causes; null while it goes on or may go on (B-3). */
function endOf({ axes, terminal, wanted }: SessionContext): Cause | null {
  const { state, reason } = axes.lifecycle;
  if (state === "done") return isEmpty({ axes, terminal }) || wanted === "closed" ? "clean" : null;
  if (state !== "terminated") return null;
  if (reason === "manually_killed" || reason === "auto_cleanup" || reason === "pr_merged") {
    return "user";
  }
  if (reason === "error_in_process") return "launch";
  if (reason !== "agent_process_exited") return "infra";
  return terminal.exitCode === 0 ? "clean" : "crash";
}

/** Whether nobody is in its terminal any more. */
function isEmpty({
  axes: { runtime },
  terminal,
}: Pick<SessionContext, "axes" | "terminal">): boolean {
  return runtime.state === "exited" || terminal.state === "exited" || terminal.state === "stopped";
}

const SETTLED: ReadonlySet<string> = new Set(["delivered", "expired", "undeliverable"]);

function receiptsOf(before: SessionContext, after: SessionContext): Receipt[] {
  if (before.messages === after.messages) return [];
  const known = new Map(before.messages.map((message) => [message.id, message.state]));
  return after.messages.flatMap((message) => receiptOf(message, known.get(message.id)));
}

function receiptOf({ ref, state, reason }: SessionMessage, was: string | undefined): Receipt[] {
  if (ref === undefined || state === was || !SETTLED.has(state)) return [];
  if (state === "queued" || state === "delivering") return [];
  return [{ ref, state, ...(reason !== undefined && { reason: reason.slice(0, 2_000) }) }];
}
