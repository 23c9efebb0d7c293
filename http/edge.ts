import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { PartsTree } from "../actors/parts.ts";
import type { Surveyed } from "../actors/survey.ts";
import type { System } from "../actors/system.ts";
import type { Keys } from "./keys.ts";
import type { ReviewReader } from "./review/reader.ts";
import type { SessionReader } from "./session/reader.ts";
import type { ReviewerTokenClaim, ReviewerTokens } from "./tokens.ts";
import type { TerminalViews } from "../adapters/terminal/view.ts";
import type { ActorViews } from "./views.ts";

/** A fastify instance whose routes are typed by their zod schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** Who sent a request: the owner of the daemon, or one agent about itself. */
export type Principal =
  | { readonly type: "owner" }
  | { readonly type: "agent"; readonly sessionId: string; readonly epoch: number }
  /** A reviewer of the session, not the session itself. */
  | ({ readonly type: "reviewer" } & ReviewerTokenClaim);

/** What a repository is, as project registration needs it. */
export interface Repository {
  /** Absolute path of the main worktree, or of a mirror. */
  readonly root: string;
  readonly defaultBranch: string;
  readonly origin?: string;
}

/** How a notice was told. */
export interface NoticeTold {
  readonly told: readonly string[];
  readonly failed: readonly { readonly way: string; readonly message: string }[];
  /** Too many like it came in a short time. */
  readonly isHeld: boolean;
}

/** How one part of the daemon stands. */
export interface Health {
  readonly isReady: boolean;
  readonly parts: readonly {
    readonly name: string;
    readonly state: string;
    readonly reason?: string;
  }[];
}

/** What every group of routes is given. */
export interface Edge {
  readonly system: System;
  readonly views: ActorViews;
  readonly sessions: SessionReader;
  readonly reviews: ReviewReader;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly version: string;
  /** Of the store: ids of events name it; "" for one from before there were any. */
  readonly generation: string;
  readonly health: () => Health;
  /** The daemon's parts, and what it took to keep them up. */
  readonly trees?: () => readonly PartsTree[];
  /** Fails with REPOSITORY_INVALID, REPOSITORY_EMPTY, GIT_FAILED, or BRANCH_UNKNOWN for the branch that was named. */
  readonly inspectRepository: (
    path: string,
    options?: { readonly defaultBranch?: string | undefined },
  ) => Promise<Repository>;
  /** Whether a folder is a bare repository. */
  readonly isBare?: (path: string) => Promise<boolean>;
  /**
   * Runs with the mirror of a URL, which nobody removes meanwhile. Fails with REMOTE_UNREACHABLE, REMOTE_REFUSED,
   * DEADLINE_PASSED when the signal of who waits aborts before, and as `inspectRepository`.
   */
  readonly withMirror?: <Result>(
    url: string,
    options: { readonly defaultBranch?: string | undefined; readonly signal: AbortSignal },
    run: (repository: Repository) => Promise<Result>,
  ) => Promise<Result>;
  /** Fails with BRANCH_INVALID or BRANCH_CHECKED_OUT when a worktree cannot be made on a branch. */
  readonly checkBranch?: (root: string, branch: string) => Promise<void>;
  /** The highest numbers of sessions and objectives of a project that a repository has seen. Fails with GIT_FAILED. */
  readonly usedNumbers?: (
    root: string,
    projectId: string,
  ) => Promise<{ readonly lastSession: number; readonly lastObjective: number }>;
  /** Fails with BRANCH_UNKNOWN when one of the branches is not published, REMOTE_UNREACHABLE when nobody can say. */
  readonly checkPublished?: (root: string, branches: readonly string[]) => Promise<void>;
  /** Fails with FORGE_UNAUTHORIZED or FORGE_REFUSED when pull requests of a repository at GitHub cannot be followed. */
  readonly checkGithub?: (repository: string) => Promise<void>;
  /** The last lines of a terminal. Fails with TMUX_UNREACHABLE or PANE_GONE. */
  readonly capture?: (terminal: string, lines: number) => Promise<string>;
  /** Somebody looks at a terminal, live. Fails with PANE_GONE, TMUX_UNREACHABLE. */
  readonly watch?: TerminalViews["watch"];
  /** What terminals show now, by terminal. Fails with TMUX_UNREACHABLE. */
  readonly screens?: (terminals: readonly string[]) => Promise<ReadonlyMap<string, string>>;
  /** Whether a worktree holds uncommitted work now. Fails with REPOSITORY_INVALID or GIT_FAILED. */
  readonly isDirty?: (worktree: string) => Promise<boolean>;
  /** The uncommitted work that a repository keeps of sessions. Fail with REPOSITORY_INVALID, GIT_FAILED. */
  readonly preserved?: {
    readonly list: (
      repo: string,
    ) => Promise<
      readonly { readonly ref: string; readonly workspace: string; readonly at: number }[]
    >;
    readonly drop: (
      repo: string,
      session: string,
    ) => Promise<{ readonly ref: string; readonly sha: string } | undefined>;
  };
  /** What becomes of each directory, and why. */
  readonly survey?: (signal: AbortSignal) => Promise<Surveyed>;
  /** The argv that shows a terminal to a person. */
  readonly attach?: (terminal: string) => readonly string[];
  /** What became of a notice outside; undefined when nothing was set up for it. */
  readonly toldOf?: (noticeId: string) => NoticeTold | undefined;
  /** Whether a program can be run by what is launched here. */
  readonly hasProgram?: (program: string) => Promise<boolean>;
  /** Wakes the probe that looks at a project's pull requests at GitHub. */
  readonly ring?: (projectId: string) => void;
  /** What keeps the reviewers of a repository from writing here; undefined until that is known. */
  readonly isolation?: (repo: string) => Promise<string | undefined>;
  /** What reviewers prove themselves with. */
  readonly reviewerTokens?: ReviewerTokens;
  /** Told of what broke and should not have. */
  readonly report: (error: unknown, requestId: string) => void;
  readonly principalOf: (request: FastifyRequest) => Principal;
  /** What keys of observations stand for. */
  readonly keys: Keys;
  /** How long a caller is kept waiting for what takes its time, milliseconds. */
  readonly patienceMs: number;
}
