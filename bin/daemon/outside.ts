import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Adapters } from "../../adapters/adapter.ts";
import { checks } from "../../adapters/checks.ts";
import { localForge } from "../../adapters/forge-local.ts";
import { hostInspection } from "../../adapters/host.ts";
import { notices, type Notices } from "../../adapters/notices.ts";
import { terminals, type Terminals } from "../../adapters/terminals.ts";
import { reviewWorktrees } from "../../adapters/review-worktrees.ts";
import { hasProgram, reviewerPrograms } from "../../adapters/reviewer-programs.ts";
import { worktrees } from "../../adapters/worktrees.ts";
import { reviewerTokens, sessionTokens } from "../../http/tokens.ts";
import type { Settings } from "../../machines/settings.ts";

/** The outside world as this daemon reaches it. */
export interface Outside {
  readonly adapters: Adapters;
  readonly terminals: Terminals;
  readonly notices: Notices;
  /** Whether a program can be run by what is launched here. */
  readonly hasProgram: (program: string) => Promise<boolean>;
}

/** Adapters over one home. What an agent is launched with (contract §5) is decided here. */
export function outsideOf(options: {
  home: string;
  agentsSecret: string;
  env: NodeJS.ProcessEnv;
  settings: Settings;
  log: (line: string) => void;
  now: () => number;
}): Outside {
  const { home, env, settings, log, now } = options;
  const tokens = sessionTokens(options.agentsSecret);
  const reviewers = reviewerTokens(options.agentsSecret);
  const path = `${join(home, "bin")}:${env["PATH"] ?? "/usr/bin:/bin"}`;
  const panes = terminals({
    home,
    socket: join(home, "tmux.sock"),
    launcher: fileURLToPath(new URL("../launch", import.meta.url)),
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
  const { launchTerminal, destroyTerminal, typeText } = panes;
  const people = notices({ home, settings: settings.notify, log, now });
  const adapters: Adapters = {
    launchTerminal,
    destroyTerminal,
    typeText,
    ...worktrees({ home }),
    ...reviewWorktrees({ home }),
    ...reviewerPrograms(path),
    ...localForge(),
    ...checks({ home }),
    notifyPerson: people.notifyPerson,
    inspectHost: hostInspection(home),
  };
  return {
    adapters,
    terminals: panes,
    notices: people,
    hasProgram: async (program) => hasProgram(program, path),
  };
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
