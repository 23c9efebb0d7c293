import { z } from "zod";
import { argument } from "./argument.ts";
import { AREAS } from "./collector/collection.ts";
import { GithubRepository } from "./forge/github.ts";
import { RestScreen, LaunchFile, TypedPrompt } from "./harness/harness.ts";
import { Token } from "./ids.ts";
import { NOTICE_TYPES, PRIORITIES } from "./notices.ts";
import { FollowedPull, RuntimeObservation } from "./observations.ts";

// Effects
//
// Every order to the outside world, by name: what it is given and what it answers with. The machine records
// `{ type: "effect", name, lane, epoch?, data }`; an adapter does it; the answer comes back to the actor that
// asked as `<name>.done` with `{ effectId, result }` or `<name>.failed` with `EffectFailure`.
//
//   E1. An effect may be carried out again after a crash: its adapter adopts what is already there.

const Epoch = z.number().int().nonnegative();
const Env = z.record(z.string(), z.string());
/** Where a terminal or a worktree lives; "local" is the machine of the daemon. */
const Host = z.string().default("local");
/** The project of a directory; "" where it is of none alone. */
const OfProject = z.union([Token, z.literal("")]);

/** A check that a project runs on every head of a pull request; `command` goes to `sh -c`. */
export const Check = z.object({
  name: argument(64),
  command: argument(4_096),
});
export type Check = z.infer<typeof Check>;

/** Who runs in a terminal: the launch wiring turns it into the AO_ variables and a token. */
const LaunchIdentity = z.object({
  sessionId: Token,
  projectId: Token,
  objectiveId: Token.optional(),
  /** It reviews the work of that session, in that repository, and does not speak for it. */
  review: z.object({ harness: z.string(), repo: z.string().exactOptional() }).optional(),
});

/** What a terminal runs. */
export const LaunchSpec = z.object({
  cwd: z.string(),
  argv: z.array(z.string()).min(1),
  env: Env,
  prompt: z.string(),
  identity: LaunchIdentity,
  /** Which kind of agent it is; its program is looked for before a pane is made. */
  harness: z.string().default("command"),
  /** What lies beside its terminal's records while it runs. */
  files: z.array(LaunchFile).default([]),
  typed: TypedPrompt.nullable().default(null),
  trust: z.enum(["claude-code"]).nullable().default(null),
});
export type LaunchSpec = z.infer<typeof LaunchSpec>;

/** What a worktree is cut from. */
export const WorkspaceSpec = z.object({
  projectId: Token,
  /** Absolute path of the repository's main worktree. */
  repo: z.string(),
  branch: z.string(),
  baseRef: z.string(),
});
export type WorkspaceSpec = z.infer<typeof WorkspaceSpec>;

/** Work that was not committed, kept in a ref of its repository. */
export const PreservedWork = z.object({
  ref: z.string(),
  /** Put back into the worktree; else it waits in the ref, and `detail` says why. */
  isApplied: z.boolean(),
  detail: z.string(),
});
export type PreservedWork = z.infer<typeof PreservedWork>;

const MERGEABILITY = z.boolean().nullable();

const CheckResult = z.object({
  name: z.string(),
  passed: z.boolean(),
  exitCode: z.number().int().nullable(),
  durationMs: z.number(),
  /** The last 4 KiB of what it printed. */
  logTail: z.string(),
});

export const EFFECTS = {
  /** Starts the program in a new pane, or adopts the pane that already has this epoch. Ends older epochs first. */
  launchTerminal: {
    data: z.object({ terminal: Token, host: Host, epoch: Epoch, launch: LaunchSpec }),
    result: z.object({ pid: z.number().int(), adopted: z.boolean() }),
    deadlineMs: 30_000,
    attempts: 3,
  },
  /** Ends the pane and every process started from it, up to and with this epoch; done only when none is left. */
  destroyTerminal: {
    data: z.object({ terminal: Token, host: Host, epoch: Epoch, graceMs: z.number() }),
    result: z.object({ killed: z.number().int() }),
    deadlineMs: 30_000,
    attempts: 10,
    // A launch or a text that hangs must not hold up the end.
    preempts: ["launchTerminal", "typeText"],
  },
  /**
   * One look at a terminal: whether its pane is there and can be read, whether its program runs and, where it is said how
   * that looks, whether it is at its prompt. Changes nothing.
   */
  inspectTerminal: {
    data: z.object({
      terminal: Token,
      host: Host,
      epoch: Epoch,
      rests: RestScreen.exactOptional(),
    }),
    result: RuntimeObservation.required({ epoch: true }).extend({
      rests: z.boolean().exactOptional(),
      /** What it shows of a limit of its harness, and the zone of clocks there. */
      limit: z.object({ words: z.string().max(500), zone: z.string().max(64) }).exactOptional(),
    }),
    deadlineMs: 10_000,
    attempts: 2,
  },
  /** Types text into the pane of this epoch once per delivery id, then Enter when `submit`. */
  typeText: {
    data: z.object({
      terminal: Token,
      host: Host,
      epoch: Epoch,
      deliveryId: z.string(),
      text: z.string(),
      submit: z.boolean(),
    }),
    result: z.object({ repeated: z.boolean() }),
    deadlineMs: 15_000,
    attempts: 5,
  },
  /**
   * Makes the worktree on its branch, or adopts the one that is already there for this workspace. Made again after it
   * was removed (`isAgain`), it gets back the work that was kept then.
   */
  prepareWorkspace: {
    data: z.object({
      workspace: Token,
      host: Host,
      epoch: Epoch,
      spec: WorkspaceSpec,
      isAgain: z.boolean().default(false),
    }),
    result: z.object({
      path: z.string(),
      branch: z.string(),
      headSha: z.string(),
      baseSha: z.string(),
      adopted: z.boolean(),
      preserved: PreservedWork.exactOptional(),
    }),
    deadlineMs: 120_000,
    attempts: 5,
  },
  /**
   * Keeps in a ref what only the worktree holds, and removes it; what no ref can hold keeps it, and is said. Without a
   * path: whatever came of one whose making was cut short.
   */
  reclaimWorkspace: {
    data: z.object({
      workspace: Token,
      host: Host,
      path: z.string().nullable(),
      spec: WorkspaceSpec,
    }),
    result: z.discriminatedUnion("removed", [
      z.object({ removed: z.literal(true), preserved: z.string().exactOptional() }),
      z.object({
        removed: z.literal(false),
        reason: z.enum(["dirty", "unpushed", "unknown"]),
        detail: z.string(),
      }),
    ]),
    deadlineMs: 120_000,
    attempts: 5,
    // Git that hangs must not hold up the end.
    preempts: ["prepareWorkspace"],
  },
  /** Where each branch stands and whether it would merge. */
  inspectBranches: {
    data: z.object({
      repo: z.string(),
      pulls: z.array(
        z.object({ number: z.number().int(), headRef: z.string(), baseRef: z.string() }),
      ),
    }),
    result: z.object({
      pulls: z.array(
        z.object({
          number: z.number().int(),
          headSha: z.string().nullable(),
          baseSha: z.string().nullable(),
          mergeable: MERGEABILITY,
          /** The head is already contained in the base. */
          contained: z.boolean(),
        }),
      ),
    }),
    deadlineMs: 60_000,
    attempts: 5,
  },
  /** Runs the project's checks in a clean checkout of one commit. */
  runChecks: {
    data: z.object({
      repo: z.string(),
      projectId: Token,
      number: z.number().int(),
      headSha: z.string(),
      checks: z.array(Check),
      env: Env,
    }),
    result: z.object({ headSha: z.string(), checks: z.array(CheckResult) }),
    deadlineMs: 900_000,
    attempts: 2,
  },
  /** Merges a head into its base and publishes it where the repository keeps its branches. Done once. */
  mergePullRequest: {
    data: z.object({
      repo: z.string(),
      projectId: Token,
      number: z.number().int(),
      title: z.string(),
      headRef: z.string(),
      headSha: z.string(),
      baseRef: z.string(),
      /** Where GitHub keeps it: `owner/name` there. */
      github: GithubRepository.exactOptional(),
      /** Of one there: a person does without a review, none is owed here or one was given, or GitHub's people owe it. */
      review: z.enum(["waived", "given", "owed"]).exactOptional(),
    }),
    result: z.object({ mergeSha: z.string(), repeated: z.boolean() }),
    deadlineMs: 60_000,
    attempts: 3,
  },
  /** Opens a pull request on GitHub, or finds the one that is open of these branches. */
  openPullRequest: {
    data: z.object({
      github: GithubRepository,
      title: z.string(),
      headRef: z.string(),
      baseRef: z.string(),
      body: z.string(),
      draft: z.boolean(),
    }),
    result: FollowedPull,
    deadlineMs: 60_000,
    attempts: 3,
  },
  /** Tells a person, in whatever ways are set up. The same `noticeId` is told once in each. */
  notifyPerson: {
    data: z.object({
      noticeId: z.string().max(128),
      /** Whom it is about: a session, or an objective that asks for itself. */
      sessionId: Token,
      /** All of them, when it is about several at once; `sessionId` is the first. */
      sessionIds: z.array(Token).optional(),
      objectiveId: Token.optional(),
      projectId: z.string(),
      type: z.enum(NOTICE_TYPES),
      priority: z.enum(PRIORITIES),
      title: z.string(),
      text: z.string(),
      /** The pull request or the reaction it is about; may be empty. */
      about: z.string(),
      /** Milliseconds since 1970. */
      at: z.number(),
    }),
    result: z.object({
      noticeId: z.string(),
      type: z.enum(NOTICE_TYPES),
      priority: z.enum(PRIORITIES),
      title: z.string(),
      /** The ways in which it was told. */
      ways: z.array(z.string()),
      failed: z.array(z.object({ way: z.string(), message: z.string() })),
      /** Kept back: too many of its type in a short time. */
      isHeld: z.boolean(),
    }),
    // Two ways, each with its own deadline.
    deadlineMs: 150_000,
    attempts: 5,
  },
  /** Makes a read-only checkout of each commit for one reviewer, or adopts those of this epoch; older epochs' go. */
  prepareReview: {
    data: z.object({
      reviewer: Token,
      host: Host,
      epoch: Epoch,
      projectId: Token,
      repo: z.string(),
      targets: z.array(
        z.object({
          runId: z.string(),
          sha: z.string(),
          headRef: z.string(),
          baseRef: z.string(),
        }),
      ),
    }),
    result: z.object({
      epoch: Epoch,
      trees: z.array(
        z.object({
          runId: z.string(),
          path: z.string(),
          /** It holds the commit; false when the commit is nowhere to be found. */
          isPinned: z.boolean(),
          /** What the base and the commit have in common; null when that is not known. */
          baseSha: z.string().nullable(),
        }),
      ),
    }),
    deadlineMs: 120_000,
    attempts: 3,
  },
  /** Whether each checkout still is the commit that it was made for, untouched; null when it cannot be looked at. */
  verifyReview: {
    data: z.object({
      reviewer: Token,
      epoch: Epoch,
      deliveryId: z.string(),
      trees: z.array(z.object({ runId: z.string(), path: z.string(), sha: z.string() })),
    }),
    result: z.object({
      deliveryId: z.string(),
      trees: z.array(z.object({ runId: z.string(), isPinned: z.boolean().nullable() })),
    }),
    deadlineMs: 30_000,
    attempts: 3,
  },
  /** Removes every checkout of a reviewer. */
  releaseReview: {
    data: z.object({ reviewer: Token, projectId: Token }),
    result: z.object({}),
    deadlineMs: 60_000,
    attempts: 5,
  },
  /** Whether a reviewer's program can be run here. */
  findReviewer: {
    data: z.object({ program: z.string() }),
    result: z.object({ program: z.string(), isThere: z.boolean() }),
    deadlineMs: 10_000,
    attempts: 3,
  },
  /** Which objectives are overdue, and which sessions have nothing left of them; looks at an index, not at every actor. */
  auditActors: {
    data: z.object({ at: z.number(), sessions: z.array(Token).max(4_096) }),
    result: z.object({
      /** The most overdue ones first. */
      due: z.array(z.object({ objective: Token, watchAt: z.number() })).max(256),
      /** Objectives that have not ended. */
      active: z.number().int(),
      gone: z.array(Token).max(4_096),
    }),
    deadlineMs: 10_000,
    attempts: 2,
  },
  /** Which directories nothing holds any more, and what the two sides, rows and directories, do not agree on. */
  surveyDirectories: {
    data: z.object({ host: Host, at: z.number() }),
    result: z.object({
      seen: z.number().int(),
      kept: z.number().int(),
      /** What is to be removed; the largest first when the disk is nearly full. */
      due: z.array(
        z.object({
          act: z.enum(["close", "sweep", "release"]),
          area: z.enum(AREAS),
          projectId: OfProject,
          name: Token,
          path: z.string(),
          why: z.string(),
        }),
      ),
      /** There was more than one pass takes. */
      hasMore: z.boolean(),
      /** Workspaces that should have a directory and have none. */
      missing: z.array(z.object({ workspace: Token, path: z.string() })),
      freeBytes: z.number().nullable(),
      isPressed: z.boolean(),
      repositories: z.array(z.object({ projectId: Token, repo: z.string() })),
    }),
    deadlineMs: 120_000,
    attempts: 2,
  },
  /** Removes a directory that nobody knows, or what was left of one, as carefully as a workspace is reclaimed. */
  sweepDirectory: {
    data: z.object({
      host: Host,
      area: z.enum(AREAS),
      projectId: OfProject,
      name: Token,
      path: z.string(),
    }),
    result: z.discriminatedUnion("removed", [
      z.object({ removed: z.literal(true), preserved: z.string().exactOptional() }),
      z.object({ removed: z.literal(false), detail: z.string() }),
    ]),
    deadlineMs: 120_000,
    attempts: 3,
  },
  /** Packs the objects of a repository, where git itself finds that worth while. */
  compactRepository: {
    data: z.object({ host: Host, repo: z.string() }),
    result: z.object({
      /** Refs of kept work that was older than it is kept for. */
      dropped: z.array(z.string()).exactOptional(),
    }),
    deadlineMs: 1_800_000,
    attempts: 1,
  },
  /** How busy a host is. Fails when it cannot be asked: then nothing is held back. */
  inspectHost: {
    data: z.object({ host: Host }),
    result: z.object({ loadPerCore: z.number(), freeBytes: z.number() }),
    deadlineMs: 15_000,
    attempts: 1,
  },
} as const satisfies Record<
  string,
  {
    data: z.ZodType;
    result: z.ZodType;
    deadlineMs: number;
    attempts: number;
    preempts?: readonly string[];
  }
>;
export type EffectName = keyof typeof EFFECTS;
export type EffectData<Name extends EffectName> = z.infer<(typeof EFFECTS)[Name]["data"]>;
export type EffectResult<Name extends EffectName> = z.infer<(typeof EFFECTS)[Name]["result"]>;

/** `data` of `<name>.failed`. */
export const EffectFailure = z.object({
  effectId: z.string(),
  code: z.string(),
  message: z.string(),
  attempts: z.number().int(),
});

/** `data` of `<name>.done`. */
export function effectDone<Name extends EffectName>(
  name: Name,
): z.ZodObject<{ effectId: z.ZodString; result: (typeof EFFECTS)[Name]["result"] }> {
  return z.object({ effectId: z.string(), result: EFFECTS[name].result });
}
