import { isReservedId } from "../../actors/message-ids.ts";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { ActorSystem } from "../../actors/actor-system.ts";
import { endOf, type Running } from "../../actors/part-run.ts";
import type { Incarnation } from "../../adapters/terminal/records.ts";
import { Failure } from "../../machines/failures.ts";
import { addressOf, splitAddress, type Address, type KindName } from "../../machines/ids.ts";
import { isProbed } from "../../machines/session/record.ts";
import { keepUp } from "../../probes/keep-up.ts";
import { refsProbe } from "../../probes/refs.ts";
import { spoolProbe } from "../../probes/spool.ts";
import { terminalProbe, type TerminalProbeOptions } from "../../probes/terminals.ts";
import { workspaceProbe } from "../../probes/workspaces.ts";
import type { SummaryRow } from "../../storage/store.ts";
import { BranchIndex, lookAtGithub } from "./github-work.ts";
import { overhear } from "./overheard.ts";
import type { Workshop } from "./workshop.ts";
import { hasWorktree } from "../../machines/workspace/facts.ts";

// Daemon probes
//
// Which probes look at what: one at the spool, one at the whole fleet of terminals, one at each worktree, one at the refs
// of each repository that has a forge here, and one at GitHub for each that has it there. Started and stopped as the actors they speak to come and go.

/** The kinds that have a probe each. */
const WATCHED = ["workspace", "forge"] as const satisfies KindName[];

/** Starts the probes that the present actors call for, and follows them. */
export async function startProbes(workshop: Workshop, system: ActorSystem): Promise<Running> {
  const stopping = new AbortController();
  const watchers = new Map<Address, Watcher>();
  const listeners = new Map<string, () => void>();
  const deafen = overhear({ system, clock: workshop.clock }, "workspace", (session) =>
    listeners.get(session)?.(),
  );
  const branches = new BranchIndex((project) => workshop.bells.get(project));
  const trouble = (error: unknown): void =>
    workshop.log(`probe: ${error instanceof Error ? error.message : String(error)}`);

  function consider(row: SummaryRow): void {
    const target = targetOf(row);
    const running = watchers.get(row.address);
    if (isDeepStrictEqual(target, running?.target)) return;
    running?.control.abort();
    watchers.delete(row.address);
    if (target === undefined) return;
    const control = new AbortController();
    watchers.set(row.address, { target, control });
    const signal = AbortSignal.any([control.signal, stopping.signal]);
    const look = async (): Promise<void> =>
      watch(workshop, system, { target, branches, listeners, signal, trouble });
    void keepUp(look, { clock: workshop.clock, signal, trouble });
  }

  const note = (row: SummaryRow): void => {
    branches.note(row);
    consider(row);
  };
  for (const kind of WATCHED) for (const row of system.store.summaries(kind)) note(row);
  const unfollow = system.onCommitted(({ summaries }) => {
    for (const row of summaries) note(row);
  });
  const probes = [
    lookAtTerminals(workshop, system, { signal: stopping.signal, trouble }),
    spoolProbe({
      folder: join(workshop.home, "spool"),
      claimOf: (token) => workshop.reviewerTokens.verify(token),
      publish: async (publication) => {
        // What is relayed gets the daemon's seal; a file may only carry the ids that agents' commands write there.
        if (isReservedId(publication.id) && !/^(?:http|hook):/.test(publication.id)) {
          throw new Failure(
            "ID_RESERVED",
            `publish a spooled message: the id ${publication.id} is not its to use`,
          );
        }
        await system.relay(publication);
      },
      signal: stopping.signal,
      onTrouble: trouble,
    }),
  ];
  const stop = async (): Promise<void> => {
    unfollow();
    deafen();
    stopping.abort();
    await Promise.allSettled(probes);
  };
  return Promise.resolve({ exited: endOf(Promise.all(probes), stop), stop });
}

type Target =
  | { readonly type: "workspace"; readonly session: string; readonly path: string }
  | { readonly type: "refs"; readonly project: string; readonly repo: string }
  | { readonly type: "github"; readonly project: string; readonly repository: string };

/** One probe that runs, or waits to be started again. */
interface Watcher {
  readonly target: Target;
  readonly control: AbortController;
}

/** What there is to look at for an actor as it is now. */
export function targetOf({ address, value, isDone, facts }: SummaryRow): Target | undefined {
  if (isDone) return undefined;
  const { kind, id } = splitAddress(address);
  const { root, path, github } = facts;
  if (kind === "forge" && value === "following" && typeof github === "string") {
    return { type: "github", project: id, repository: github };
  }
  if (kind === "forge" && value === "serving" && typeof root === "string") {
    return { type: "refs", project: id, repo: root };
  }
  const isThere = kind === "workspace" && hasWorktree(value);
  return isThere && typeof path === "string" ? { type: "workspace", session: id, path } : undefined;
}

interface Watching {
  readonly signal: AbortSignal;
  readonly trouble: (error: unknown) => void;
}

async function watch(
  workshop: Workshop,
  system: ActorSystem,
  {
    target,
    branches,
    listeners,
    signal,
    trouble,
  }: Watching & {
    target: Target;
    branches: BranchIndex;
    /** By session: what tells its workspace probe that another spoke in its place. */
    listeners: Map<string, () => void>;
  },
): Promise<void> {
  const common = {
    publish: system.observe.bind(system),
    signal,
    onFailure: trouble,
  };
  if (target.type === "github") {
    await lookAtGithub(workshop, system, { target, branches, signal, trouble });
    return;
  }
  const { scmMs, workspaceMs } = workshop.settings.probes;
  if (target.type === "refs") await refsProbe({ ...common, ...target, everyMs: scmMs });
  else {
    const { session } = target;
    const others = (heard: () => void): void => {
      listeners.set(session, heard);
      signal.addEventListener("abort", () => {
        if (listeners.get(session) === heard) listeners.delete(session);
      });
    };
    await workspaceProbe({ ...common, ...target, overhear: others, everyMs: workspaceMs });
  }
}

async function lookAtTerminals(
  { settings, outside, clock }: Workshop,
  system: ActorSystem,
  { signal, trouble }: Watching,
): Promise<void> {
  const { terminals } = outside;
  const { sessionOf, answer, unfollow } = probedSessions(system);
  signal.addEventListener("abort", unfollow);
  const others: TerminalProbeOptions["overhear"] = (listener) =>
    signal.addEventListener(
      "abort",
      overhear({ system, clock }, "runtime", (session) => {
        answer(session);
        listener(session);
      }),
    );
  await terminalProbe({
    list: async () => terminals.listPanes(),
    exitOf: async (of) => terminals.exitOf(of),
    changes: (until) => terminals.changes(until),
    sessionOf,
    overhear: others,
    ran: [...system.store.summaries("terminal")].flatMap((row) => runningOf(row) ?? []),
    publish: async (lane, id, data, messageId) => {
      await system.observe(lane, id, data, messageId);
    },
    everyMs: settings.probes.terminalMs,
    clock,
    signal,
    onTrouble: trouble,
  });
}

/** What a terminal runs, as far as its actor knows; undefined when nothing. */
export function runningOf({ address, value, facts }: SummaryRow): Incarnation | undefined {
  const isLive = typeof value === "object" && value !== null && "live" in value;
  const { epoch } = facts;
  if (!isLive || typeof epoch !== "number") return undefined;
  return { terminal: splitAddress(address).id, epoch };
}

/** Whose liveness hangs on a terminal. It is asked for the whole fleet at every look, so what did not change is kept. */
function probedSessions(system: ActorSystem): {
  readonly sessionOf: (terminal: string) => string | undefined;
  /** From now on this one is told as well, though it is over: a lie may have ended it. */
  readonly answer: (session: string) => void;
  readonly unfollow: () => void;
} {
  const answered = new Set<string>();
  const known = new Map<Address, string | undefined>();
  const unfollow = system.onCommitted(({ summaries }) => {
    for (const { address } of summaries) known.delete(address);
  });
  return {
    unfollow,
    answer: (session) => void answered.add(session),
    // A reviewer's terminal has no session of its name; one that is over has nothing to learn.
    sessionOf(terminal) {
      const address = addressOf("session", terminal);
      if (answered.has(terminal)) return terminal;
      if (known.has(address)) return known.get(address);
      const row = system.snapshot(address);
      if (row === undefined) return undefined;
      const session = isProbed(row.snapshot) ? terminal : undefined;
      known.set(address, session);
      return session;
    },
  };
}
