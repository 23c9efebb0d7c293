import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Adapters } from "../../adapters/adapter.ts";
import { checks } from "../../adapters/checks.ts";
import { localForge } from "../../adapters/forge-local.ts";
import { notices, type Notices } from "../../adapters/notices.ts";
import { terminals, type Terminals } from "../../adapters/terminals.ts";
import { worktrees } from "../../adapters/worktrees.ts";
import { sessionTokens } from "../../http/tokens.ts";
import type { Settings } from "../../machines/settings.ts";

/** The outside world as this daemon reaches it. */
export interface Outside {
  readonly adapters: Adapters;
  readonly terminals: Terminals;
  readonly notices: Notices;
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
  const panes = terminals({
    home,
    socket: join(home, "tmux.sock"),
    launcher: fileURLToPath(new URL("../launch", import.meta.url)),
    environment: ({ sessionId, projectId, objectiveId }, terminal, epoch) => ({
      AO_SESSION_ID: sessionId,
      AO_TERMINAL_ID: terminal,
      AO_EPOCH: String(epoch),
      AO_PROJECT_ID: projectId,
      ...(objectiveId !== undefined && { AO_OBJECTIVE_ID: objectiveId }),
      AO_HOME: home,
      AO_TOKEN: tokens.mint(sessionId, epoch),
      PATH: `${join(home, "bin")}:${env["PATH"] ?? "/usr/bin:/bin"}`,
    }),
  });
  const { launchTerminal, destroyTerminal, typeText } = panes;
  const people = notices({ home, settings: settings.notify, log, now });
  const adapters: Adapters = {
    launchTerminal,
    destroyTerminal,
    typeText,
    ...worktrees({ home }),
    ...localForge(),
    ...checks({ home }),
    notifyPerson: people.notifyPerson,
  };
  return { adapters, terminals: panes, notices: people };
}
