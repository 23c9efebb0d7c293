import { join } from "node:path";
import type { ActorSystem } from "../actors/actor-system.ts";
import type { Running } from "../actors/part-run.ts";
import type { Committed } from "../actors/system.ts";
import { splitAddress, type Address, type KindName } from "../machines/ids.ts";
import type { MachineState } from "../machines/kind.ts";
import { refsProbe } from "../probes/refs.ts";
import { spoolProbe } from "../probes/spool.ts";
import { terminalProbe } from "../probes/terminals.ts";
import { workspaceProbe } from "../probes/workspaces.ts";
import type { Workshop } from "./daemon-core.ts";

// Daemon probes
//
// Which probes look at what: one at the spool, one at the whole fleet of terminals, one at each worktree and one at the refs of each
// repository that has a forge here. Started and stopped as the actors they speak to come and go.

/** The kinds that have a probe each. */
const WATCHED = ["workspace", "forge"] as const satisfies KindName[];

/** Starts the probes that the present actors call for, and follows them. */
export async function startProbes(workshop: Workshop, system: ActorSystem): Promise<Running> {
  const stopping = new AbortController();
  const watchers = new Map<Address, AbortController>();
  const trouble = (error: unknown): void =>
    workshop.log(`probe: ${error instanceof Error ? error.message : String(error)}`);

  function consider(address: Address): void {
    const target = targetOf(system, address);
    const running = watchers.get(address);
    if (target === undefined) {
      running?.abort();
      watchers.delete(address);
    }
    if (target === undefined || running !== undefined) return;
    const control = new AbortController();
    watchers.set(address, control);
    const signal = AbortSignal.any([control.signal, stopping.signal]);
    watch(workshop, system, { target, signal, trouble }).catch(trouble);
  }

  for (const kind of WATCHED) {
    for (const { address, isDone } of system.store.summaries(kind)) if (!isDone) consider(address);
  }
  const unfollow = system.onCommitted((committed) => {
    for (const address of movedOf(committed)) consider(address);
  });
  const looking = Promise.all([
    lookAtTerminals(workshop, system, { signal: stopping.signal, trouble }),
    spoolProbe({
      folder: join(workshop.home, "spool"),
      publish: async (publication) => system.relay(publication),
      signal: stopping.signal,
      onTrouble: trouble,
    }),
  ]);
  return Promise.resolve({
    exited: looking.then(
      () => ({ cause: "clean" as const }),
      (error: unknown) => ({ cause: "crash" as const, error }),
    ),
    async stop() {
      unfollow();
      stopping.abort();
      await looking.catch(() => {});
    },
  });
}

type Target =
  | { readonly type: "workspace"; readonly session: string; readonly path: string }
  | { readonly type: "refs"; readonly project: string; readonly repo: string };

/** What there is to look at for an actor as it is now. */
function targetOf(system: ActorSystem, address: Address): Target | undefined {
  const { kind, id } = splitAddress(address);
  if (!WATCHED.some((watched) => watched === kind)) return undefined;
  const row = system.store.snapshot(address);
  if (row === undefined) return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by our own persisted()
  const state = row.snapshot as unknown as MachineState;
  if (state.status !== "active") return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the contexts of these two kinds
  const facts = state.context as { root?: string; tree?: { path: string } | null };
  if (kind === "forge")
    return facts.root === undefined ? undefined : { type: "refs", project: id, repo: facts.root };
  const isThere = state.value === "ready" || state.value === "dirty";
  return isThere && facts.tree
    ? { type: "workspace", session: id, path: facts.tree.path }
    : undefined;
}

function movedOf({ entries }: Committed): Set<Address> {
  return new Set(entries.filter(({ value }) => value !== undefined).map(({ address }) => address));
}

interface Watching {
  readonly signal: AbortSignal;
  readonly trouble: (error: unknown) => void;
}

async function watch(
  { settings }: Workshop,
  system: ActorSystem,
  { target, signal, trouble }: Watching & { target: Target },
): Promise<void> {
  const common = {
    publish: system.observe.bind(system),
    signal,
    onFailure: trouble,
    everyMs: settings.probes.scmMs,
  };
  if (target.type === "refs") await refsProbe({ ...common, ...target });
  else await workspaceProbe({ ...common, ...target });
}

async function lookAtTerminals(
  { settings, outside, clock }: Workshop,
  system: ActorSystem,
  { signal, trouble }: Watching,
): Promise<void> {
  const { terminals } = outside;
  await terminalProbe({
    list: async () => terminals.listPanes(),
    exitOf: async (of) => terminals.exitOf(of),
    changes: (until) => terminals.changes(until),
    publish: async (lane, id, data, messageId) => {
      await system.observe(lane, id, data, messageId);
    },
    everyMs: settings.probes.terminalMs,
    clock,
    signal,
    onTrouble: trouble,
  });
}
