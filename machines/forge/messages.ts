import { z } from "zod";
import { Check, EffectFailure, effectDone } from "../effects.ts";
import { GithubRepository } from "./github.ts";
import { Token } from "../ids.ts";
import type { EventOf } from "../message.ts";
import { PullsObservation, RefsObservation } from "../observations.ts";

const Ref = z.string().min(1).max(256);
const Text = z.string().max(65_536);
const PullNumber = z.object({ number: z.number().int().positive() });
const Opening = z.object({
  projectId: Token,
  root: z.string(),
  defaultBranch: Ref,
  origin: z.string().nullish(),
  /** Keeps the pull requests; absent where they are kept here. */
  github: GithubRepository.optional(),
  checks: z.array(Check).default([]),
  /** Every head is to be reviewed before it is merged. */
  owesReview: z.boolean().default(false),
  env: z.record(z.string(), z.string()).default({}),
});

/** What the forge understands. */
export const accepts = {
  "forge.open": Opening,
  "forge.configure": Opening,
  "forge.close": z.object({}),
  "pull.open": z.object({
    title: z.string().min(1).max(1_000),
    headRef: Ref,
    baseRef: Ref.optional(),
    session: Token.optional(),
    body: Text.optional(),
    draft: z.boolean().optional(),
    author: z.string().max(256).optional(),
  }),
  "pull.comment": PullNumber.extend({
    body: Text.min(1),
    author: z.string().min(1).max(256).default("owner"),
    isBot: z.boolean().default(false),
    path: z.string().max(1_024).optional(),
    line: z.number().int().optional(),
  }),
  /** What a reviewer says of one head; told by the review, answered to nobody. */
  "pull.review": PullNumber.extend({
    headSha: z.string().max(64),
    verdict: z.enum(["approved", "changes_requested"]),
    body: Text,
    runId: z.string().max(256),
    author: z.string().max(256),
  }),
  "pull.resolve": PullNumber.extend({ commentId: z.string().max(256) }),
  "pull.ready": PullNumber,
  "pull.close": PullNumber,
  /** With a head, only if it is still that one. */
  "pull.merge": PullNumber.extend({
    headSha: z.string().max(64).optional(),
    /** A person does without the review that it owes. */
    unreviewed: z.boolean().default(false),
  }),
  "pull.check": PullNumber,
  /** The session whose work it is from now on. */
  "pull.claim": PullNumber.extend({ session: Token }),
  "refs.observed": RefsObservation,
  "pulls.observed": PullsObservation,
  "inspectBranches.done": effectDone("inspectBranches"),
  "inspectBranches.failed": EffectFailure,
  "runChecks.done": effectDone("runChecks"),
  "runChecks.failed": EffectFailure,
  "mergePullRequest.done": effectDone("mergePullRequest"),
  "mergePullRequest.failed": EffectFailure,
  "openPullRequest.done": effectDone("openPullRequest"),
  "openPullRequest.failed": EffectFailure,
  "timer.inspect": z.object({}),
  "timer.checks": z.object({}),
  "timer.merge": z.object({}),
};
export type ForgeEvent = EventOf<typeof accepts>;
