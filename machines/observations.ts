import { z } from "zod";
import { PullState } from "./pull-state.ts";
import { type KindName, Token } from "./ids.ts";

// Observations
//
// What probes may publish, lane by lane: the bodies of `ao.obs.<lane>.<id>`. Fixed names: scripts rely on them.

/** Whether a type of message is that of an observation, of any lane. */
export function isObservationType(type: string): boolean {
  return type.endsWith(".observed");
}

const Epoch = z.number().int().nonnegative().optional();
const Liveness = z.enum(["alive", "dead", "failed", "indeterminate"]);

/** `ao.obs.runtime.<session>`: is its terminal there, is its program running. */
export const RuntimeObservation = z.object({
  runtime: Liveness,
  process: Liveness,
  evidence: z.string().max(2_000).optional(),
  epoch: Epoch,
});

const ACTIVITY_STATES = ["active", "ready", "idle", "waiting_input", "blocked", "exited"] as const;

/** `ao.obs.activity.<session>`: what the agent says it is doing. */
export const ActivityObservation = z.object({
  state: z.enum(ACTIVITY_STATES),
  confidence: z.enum(["valid", "stale", "null", "unavailable", "probe_failure"]).default("valid"),
  source: z.enum(["native", "terminal", "hook", "runtime", "none"]).optional(),
  event: z.string().max(128).optional(),
  toolName: z.string().max(256).optional(),
  /** Which use of that tool. */
  toolUseId: z.string().max(256).optional(),
  /** The beginning of what was said: the prompt that was taken, the agent's last words, its question. */
  text: z.string().max(1_000).optional(),
  agentSessionId: z.string().max(256).optional(),
  /** It has reached a limit of its harness, which is over then; milliseconds since 1970. */
  limitedUntil: z.number().optional(),
  epoch: Epoch,
});

/**
 * One pull request as any forge tells it. What a forge knows beside this is left out, and is no mistake: the next field
 * that is added here must not make those who tell it already be refused by an older daemon.
 */
export const PullRequestFacts = z.object({
  url: z.string().max(2_000),
  number: z.number().int().positive(),
  title: z.string().max(1_000),
  state: PullState,
  headSha: z.string().max(64),
  headRef: z.string().max(256),
  baseRef: z.string().max(256),
  ci: z.object({
    state: z.enum(["none", "pending", "passing", "failing"]),
    failing: z
      .array(
        z.object({
          name: z.string().max(256),
          url: z.string().max(2_000).optional(),
          logTail: z.string().max(16_384).optional(),
        }),
      )
      .max(64)
      .optional(),
  }),
  reviewDecision: z.enum(["none", "required", "approved", "changes_requested"]),
  comments: z
    .array(
      z.object({
        id: z.string().max(256),
        author: z.string().max(256),
        isBot: z.boolean(),
        body: z.string().max(65_536),
        path: z.string().max(1_024).optional(),
        line: z.number().int().optional(),
        url: z.string().max(2_000).optional(),
        resolved: z.boolean(),
        /** It cannot be resolved where it was said, and its answer is not waited for: it is told, and holds up nothing. */
        isAnswered: z.boolean().exactOptional(),
      }),
    )
    .max(500),
  mergeable: z.boolean().nullable(),
  updatedAt: z.number(),
});
export type PullRequestFacts = z.infer<typeof PullRequestFacts>;

/**
 * `ao.obs.scm.<session>`: `fetched: false` says the forge could not be asked, not that there is nothing; nor does an
 * empty list, unless it names what was given away.
 */
export const ScmObservation = z.object({
  fetched: z.boolean(),
  prs: z.array(PullRequestFacts).max(50),
  /** Addresses of pull requests that are another session's work now. */
  released: z.array(z.string().max(2_000)).max(50).exactOptional(),
});

/** `ao.obs.workspace.<session>`: what git says of its worktree. */
export const WorkspaceObservation = z.object({
  headSha: z.string().max(64).nullable(),
  branch: z.string().max(256).nullable(),
  dirty: z.boolean(),
  unpushed: z.number().int().nonnegative(),
  /** Why git cannot be asked there any more; what else is said is what was known before. */
  unreadable: z.string().max(2_000).exactOptional(),
});

/** `ao.obs.terminal.<terminal>`: what the pane of one epoch shows. */
export const TerminalObservation = z.object({
  process: Liveness,
  epoch: z.number().int().nonnegative(),
  exitCode: z.number().int().optional(),
  signal: z.string().max(32).optional(),
  quietMs: z.number().nonnegative().optional(),
  screen: z.string().max(65_536).optional(),
});

/** `ao.obs.refs.<project>`: branch heads that moved, whole or in part. `null` says the branch is gone. */
export const RefsObservation = z.object({
  heads: z.record(z.string().max(256), z.string().max(64).nullable()),
});

/** A pull request as the forge that keeps it tells it, and the session whose branch it is. */
export const FollowedPull = PullRequestFacts.extend({
  author: z.string().max(256),
  mergeSha: z.string().max(64).nullable(),
  session: Token.exactOptional(),
});
export type FollowedPull = z.infer<typeof FollowedPull>;

/**
 * `ao.obs.pulls.<project>`: pull requests that a forge elsewhere keeps, as far as they are news. `fetched: false` says
 * that it could not be asked, and why.
 */
export const PullsObservation = z.object({
  fetched: z.boolean(),
  pulls: z.array(FollowedPull).max(50),
  /** Numbers of those that are not there. */
  gone: z.array(z.number().int()).max(1_000).exactOptional(),
  reason: z.string().max(2_000).exactOptional(),
  /** What failed, as a failure code. */
  code: z.string().max(64).exactOptional(),
});

/** Which actor each lane speaks to, and how its body looks. */
export const LANES = {
  runtime: { kind: "session", body: RuntimeObservation },
  activity: { kind: "session", body: ActivityObservation },
  scm: { kind: "session", body: ScmObservation },
  workspace: { kind: "session", body: WorkspaceObservation },
  terminal: { kind: "terminal", body: TerminalObservation },
  refs: { kind: "forge", body: RefsObservation },
  pulls: { kind: "forge", body: PullsObservation },
} as const satisfies Record<string, { kind: KindName; body: z.ZodType }>;
export type ObservationLane = keyof typeof LANES;
export const LANE_NAMES = Object.keys(LANES).filter(
  (name): name is ObservationLane => name in LANES,
);
