import { z } from "zod";
import type { JsonObject } from "../../machines/json.ts";
import type { PullRequestFacts } from "../../machines/observations.ts";
import { feedbackMessage } from "../../machines/review/prompts.ts";
import { AtSec } from "./cases.ts";
import { mailed, observed, resultOf, type Play, type StepResult } from "./play.ts";
import { T0 } from "./stage.ts";

// Guests
//
// Ops of the later model that are told to a session by somebody else: a tracker, a batch of reviews, whoever hands it from
// a terminal to a chat.
//
//   U1. Nothing here reads a tracker and there is no chat: what the later model tells of them is told to the real host,
//       as anybody would tell it, and what comes of it is what a case sees.
//   U2. What was reviewed is an open pull request at that commit: one that the record does not know is set up.
//   U3. A batch was told once its text is with the agent. One that waits, or came to nobody, was not.

const at = { atSec: AtSec.optional() };

const Note = z.strictObject({
  id: z.string(),
  author: z.string().optional(),
  body: z.string(),
  isBot: z.boolean().optional(),
});
const Result = z.strictObject({
  run: z.string().min(1),
  pr: z.string().min(1),
  sha: z.string().min(1),
  verdict: z.enum(["approved", "changes_requested"]),
  body: z.string(),
  reviewId: z.string().default(""),
});

export const GUEST_SHAPES = {
  observeIssue: z.strictObject({
    ...at,
    fetched: z.boolean(),
    state: z.enum(["open", "in_progress", "review", "done", "cancelled"]).optional(),
    assignee: z.string().optional(),
    changed: z.array(z.string()).optional(),
    comments: z.array(Note).optional(),
  }),
  reviewBatch: z.strictObject({
    ...at,
    batch: z.string().min(1).max(256),
    results: z.array(Result).max(100),
  }),
  commitController: z.strictObject({
    ...at,
    source: z.enum(["tui", "chat"]),
    target: z.enum(["tui", "chat"]),
    nativeId: z.string().optional(),
    fresh: z.boolean().optional(),
  }),
} as const;
type StepOf<Name extends keyof typeof GUEST_SHAPES> = z.infer<(typeof GUEST_SHAPES)[Name]>;

/** U1 */
export async function observeIssue(play: Play, step: StepOf<"observeIssue">): Promise<StepResult> {
  return observed(play, "issue", jsonOf(step));
}

/** U1 */
export async function commitController(
  { stage }: Play,
  { atSec: _, ...step }: StepOf<"commitController">,
): Promise<StepResult> {
  return resultOf(await stage.ask(stage.session, "session.controller", jsonOf(step)));
}

/** A step as it stood in the file. */
function jsonOf(step: object): JsonObject {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it was parsed of JSON
  return step as JsonObject;
}

/** What a review mails to its session: the text of the real one, under the name of its batch. */
export async function reviewBatch(
  play: Play,
  { batch, results }: StepOf<"reviewBatch">,
): Promise<StepResult> {
  const { stage } = play;
  const asking = results.filter(({ verdict }) => verdict === "changes_requested");
  if (asking.length === 0) return seenOf(play, batch);
  const runs = asking.map(runOf);
  const record = stage.record();
  if (record !== undefined) {
    const missing = runs.map(pullOf).filter(({ url }) => record.prs.every((pr) => pr.url !== url));
    // U2
    await stage.write((known) => ({ ...known, prs: [...known.prs, ...missing] }));
  }
  const heads = runs.map(({ subject, targetSha }) => ({
    url: subject.url,
    number: subject.number,
    headSha: targetSha,
  }));
  const providerReviewIds = asking.map(({ reviewId }) => reviewId).filter((id) => id !== "");
  const data = { deliveryId: batch, text: feedbackMessage(runs), heads, providerReviewIds };
  const told = await mailed(play, { type: "review.feedback", from: `review/${stage.id}`, data });
  return { ...seenOf(play, batch), isError: told.isError };
}

/** U3 */
function seenOf({ stage, outcomes }: Play, batch: string): StepResult {
  const message = stage.record()?.messages.find(({ id }) => id === batch);
  outcomes.push(message?.state === "delivered" ? "sent" : "no_op");
  return { isError: false };
}

type Told = Parameters<typeof feedbackMessage>[0][number];

function runOf({ run, pr, sha, verdict, body, reviewId }: z.infer<typeof Result>): Told {
  const number = Number(/(\d+)$/.exec(pr)?.[1] ?? 1);
  const subject = { url: pr, number, title: "", headRef: `head-${number}`, baseRef: "main" };
  return { id: run, subject, targetSha: sha, verdict, body, providerReviewId: reviewId };
}

function pullOf({ subject, targetSha }: Told): PullRequestFacts {
  return {
    ...subject,
    state: "open",
    headSha: targetSha,
    ci: { state: "none" },
    reviewDecision: "none",
    comments: [],
    mergeable: null,
    updatedAt: T0,
  };
}
