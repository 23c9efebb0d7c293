import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { homedir } from "node:os";
import type { DirectoryLister } from "../../actors/survey.ts";
import type { Adapters } from "../../adapters/adapter.ts";
import { checks } from "../../adapters/forge/checks.ts";
import { bytesOf, collecting, listDirectories } from "../../adapters/worktree/directories.ts";
import { type Mirrors, mirrors } from "../../adapters/git/mirrors.ts";
import { forges } from "../../adapters/forge/forges.ts";
import type { Github } from "../../adapters/github/github.ts";
import { hostInspection } from "../../adapters/host.ts";
import { notices, type Notices } from "../../adapters/notice/notices.ts";
import { terminals, type Terminals } from "../../adapters/terminal/terminals.ts";
import { reviewerFence, type ReviewerFence } from "../../adapters/worktree/reviewer-fence.ts";
import { reviewWorktrees } from "../../adapters/worktree/review-worktrees.ts";
import { hasProgram, reviewerPrograms } from "../../adapters/agent/reviewer-programs.ts";
import { worktrees } from "../../adapters/worktree/worktrees.ts";
import { reviewerTokens, sessionTokens } from "../../http/tokens.ts";
import type { Settings } from "../../machines/settings.ts";
import { LAUNCHER } from "../home.ts";

/** The outside world as this daemon reaches it. */
export interface Outside {
  readonly adapters: Adapters;
  readonly terminals: Terminals;
  readonly notices: Notices;
  /** Where the pull requests of some projects are kept. */
  readonly github: Github;
  /** Whether a program can be run by what is launched here. */
  readonly hasProgram: (program: string) => Promise<boolean>;
  readonly reviewerFence: ReviewerFence;
  /** Looks at what lies in the home for sessions and reviewers. */
  readonly directories: DirectoryLister;
  readonly mirrors: Mirrors;
  readonly known: Known;
}

/** What the parts of the core tell once they are up. */
interface Known {
  /** Whom a removal asks whether somebody knows a workspace. */
  isWanted: (workspace: string) => boolean;
  /** And whether a project is registered. */
  isProject: (projectId: string) => boolean;
  /** And whether a session is closed. */
  isClosed: (session: string) => boolean;
  /** And whether one is with a repository. */
  isRegistered: (root: string) => boolean;
  /** Of the store. */
  generation: string;
}

/** Until the actors can be asked, every name may be known. */
const UNTOLD: Known = {
  isWanted: () => true,
  isProject: () => true,
  isClosed: () => false,
  isRegistered: () => true,
  generation: "",
};

/** Adapters over one home. */
export function outsideOf(options: {
  home: string;
  agentsSecret: string;
  env: NodeJS.ProcessEnv;
  settings: Settings;
  version: string;
  log: (line: string) => void;
  now: () => number;
}): Outside {
  const { home, env, settings, log, now } = options;
  const path = `${join(home, "bin")}:${env["PATH"] ?? "/usr/bin:/bin"}`;
  const known = { ...UNTOLD };
  const cache = mirrors(home);
  const keptMs = settings.gc.keepPreservedMs;
  const fence = reviewerFence({ home, launcher: LAUNCHER, personHome: env["HOME"] ?? homedir() });
  const panes = panesOf({ ...options, path, fence, generation: () => known.generation });
  const { launchTerminal, destroyTerminal, inspectTerminal, typeText } = panes;
  const { adapters: pulls, github } = forges(options);
  const people = notices({ home, settings: settings.notify, log, now });
  const adapters: Adapters = {
    launchTerminal,
    destroyTerminal,
    inspectTerminal,
    typeText,
    ...worktrees({ home, isProject: (projectId) => known.isProject(projectId) }),
    ...collecting({
      home,
      nonce: () => randomBytes(6).toString("hex"),
      now,
      isWanted: (workspace) => known.isWanted(workspace),
      mirrors: cache,
      isRegistered: (root) => known.isRegistered(root),
      ...(keptMs > 0 && { kept: { ms: keptMs, isClosed: (id) => known.isClosed(id) } }),
    }),
    ...reviewWorktrees({ home }),
    ...reviewerPrograms(path),
    ...pulls,
    ...checks({ home }),
    notifyPerson: people.notifyPerson,
    inspectHost: hostInspection(home),
  };
  return {
    adapters,
    terminals: panes,
    notices: people,
    github,
    hasProgram: async (program) => hasProgram(program, path),
    reviewerFence: fence,
    directories: {
      list: async (_host, signal) => listDirectories(home, cache, signal),
      measure: bytesOf,
    },
    mirrors: cache,
    known,
  };
}

/** Terminals of a home. What an agent is launched with (contract §5) is decided here. */
function panesOf(given: {
  home: string;
  agentsSecret: string;
  path: string;
  fence: ReviewerFence;
  generation: () => string;
}): Terminals {
  const { home, agentsSecret, path, fence, generation } = given;
  const tokens = sessionTokens(agentsSecret, generation);
  const reviewers = reviewerTokens(agentsSecret, generation);
  return terminals({
    home,
    generation,
    socket: join(home, "tmux.sock"),
    launcher: LAUNCHER,
    closedTo: fence.pathsFor,
    environment: ({ sessionId, projectId, objectiveId, review }, terminal, epoch) => ({
      ...(review === undefined
        ? { AO_SESSION_ID: sessionId, AO_TOKEN: tokens.mint(sessionId, epoch) }
        : {
            ...reviewerEnvironment({ sessionId, terminal, harness: review.harness }),
            AO_TOKEN: reviewers.mint({ sessionId, terminal, epoch }),
          }),
      AO_TERMINAL_ID: terminal,
      AO_EPOCH: String(epoch),
      AO_PROJECT_ID: projectId,
      ...(objectiveId !== undefined && { AO_OBJECTIVE_ID: objectiveId }),
      AO_HOME: home,
      PATH: path,
    }),
  });
}

/** A reviewer is not its worker: its hooks speak for itself, and its git changes nothing and reaches nobody. */
function reviewerEnvironment(of: {
  sessionId: string;
  terminal: string;
  harness: string;
}): Record<string, string> {
  return {
    AO_REVIEW_SESSION_ID: of.terminal,
    AO_REVIEW_WORKER_SESSION_ID: of.sessionId,
    AO_REVIEW_HARNESS: of.harness,
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: "none",
  };
}
