import type { Adapter, Adapters } from "../../adapters/adapter.ts";
import type { DirectoryLister } from "../../actors/survey.ts";
import type { Directory } from "../../machines/collector/collection.ts";
import type { EffectData, EffectResult } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";

// Outside
//
// Worktrees, panes and branches in memory, behind adapters that answer as the real ones do.
//
//   O1. Work that was done before is adopted or told as a repeat, never done again (E1).
//   O2. A hold keeps answers back until it is lifted or the daemon stops. A refusal is what every answer fails with.

interface Pane {
  readonly epoch: number;
  readonly pid: number;
  /** Texts by delivery. */
  readonly typed: Map<string, string>;
  /** Its program ended by itself; the pane is still there. */
  readonly hasEnded?: boolean;
}
interface Tree {
  readonly branch: string;
  /** What a removal would lose; such a tree is kept. */
  readonly loss?: "dirty" | "unpushed";
}

export interface Outside {
  readonly adapters: Adapters;
  readonly panes: Map<string, Pane>;
  readonly trees: Map<string, Tree>;
  /** Commit by branch. */
  readonly heads: Map<string, string>;
  /** What people were told, by notice. */
  readonly notices: Map<string, EffectData<"notifyPerson">>;
  /** What lies beside the worktrees of workspaces. */
  readonly strays: Map<string, Directory>;
  readonly directories: DirectoryLister;
  /** Repositories that were packed, oldest first. */
  readonly compacted: string[];
  /** What the screens of terminals show, beyond that they are there. */
  readonly screens: Map<string, Partial<EffectResult<"inspectTerminal">>>;
  /** How busy the host is. */
  readonly host: { loadPerCore: number; freeBytes: number };
  /** Names of the checks that fail. */
  readonly failing: Set<string>;
  /** Commits whose checks all fail, and commits that do not merge. */
  readonly red: Set<string>;
  readonly conflicting: Set<string>;
  /** Keeps back every answer of one name. Returns how to let them go. */
  hold(name: OutsideName, at?: "before" | "after"): () => void;
  /** Lets later work go again; what is held back already stays so, as for a daemon that is dead. */
  free(name: OutsideName): void;
  /** Programs that reviewers find. */
  readonly programs: Set<string>;
  /** What each terminal was launched with last. */
  readonly launches: Map<string, EffectData<"launchTerminal">>;
  /** The program in a terminal ends by itself; nobody tells. */
  end(terminal: string): void;
  /** From now on no reviewer's worktree is what it was. */
  spoilTrees(): void;
  /** Takes a refusal back. */
  allow(name: OutsideName): void;
  /** Makes every answer of one name this failure. */
  refuse(name: OutsideName, failure: Failure): void;
}

type OutsideName = keyof Adapters;
type Works = {
  readonly [Name in OutsideName]: (data: EffectData<Name>) => EffectResult<Name>;
};

/** A world outside with one branch, `main`, where everything succeeds at once. */
export function outside(): Outside {
  const panes = new Map<string, Pane>();
  const trees = new Map<string, Tree>();
  const heads = new Map([["main", sha(1)]]);
  let areSpoiled = false;
  const failing = new Set<string>();
  const red = new Set<string>();
  const conflicting = new Set<string>();
  const launches = new Map<string, EffectData<"launchTerminal">>();
  const notices = new Map<string, EffectData<"notifyPerson">>();
  const holds = new Map<OutsideName, { promise: Promise<void>; at: "before" | "after" }>();
  const programs = new Set(["review", "claude", "codex", "opencode"]);
  const refusals = new Map<OutsideName, Failure>();
  const strays = new Map<string, Directory>();
  const compacted: string[] = [];
  const screens: Outside["screens"] = new Map();
  const host = { loadPerCore: 0.1, freeBytes: 2 ** 40 };
  const works: Works = {
    ...worktrees(trees, heads),
    ...terminals({ panes, launches, screens }),
    ...branches(heads, conflicting),
    ...reviewTrees({ areSpoiled: () => areSpoiled, programs }),
    inspectHost: () => host,
    sweepDirectory({ path }) {
      strays.delete(path);
      trees.delete(path.slice("/worktrees/".length));
      return { removed: true };
    },
    compactRepository({ repo }) {
      compacted.push(repo);
      return {};
    },
    notifyPerson(notice) {
      const isRepeat = notices.has(notice.noticeId);
      notices.set(notice.noticeId, notice);
      const { noticeId, type, priority, title } = notice;
      const told = { noticeId, type, priority, title, failed: [], isHeld: false };
      return { ...told, ways: isRepeat ? [] : ["memory"] };
    },
    runChecks: ({ headSha, checks }) => ({
      headSha,
      checks: checks.map(({ name }) => {
        const passed = !failing.has(name) && !red.has(headSha);
        const logTail = passed ? "" : `${name} is broken`;
        return { name, passed, exitCode: passed ? 0 : 1, durationMs: 1, logTail };
      }),
    }),
  };
  const adapter =
    <Name extends OutsideName>(name: Name): Adapter<Name> =>
    async (data, { signal }) => {
      const held = holds.get(name);
      if (held?.at === "before") await Promise.race([held.promise, stopping(signal)]);
      const refusal = refusals.get(name);
      if (refusal !== undefined) throw refusal;
      const result = works[name](data);
      if (held?.at === "after") await Promise.race([held.promise, stopping(signal)]);
      return result;
    };
  return {
    adapters: {
      prepareWorkspace: adapter("prepareWorkspace"),
      reclaimWorkspace: adapter("reclaimWorkspace"),
      launchTerminal: adapter("launchTerminal"),
      destroyTerminal: adapter("destroyTerminal"),
      inspectTerminal: adapter("inspectTerminal"),
      typeText: adapter("typeText"),
      inspectHost: adapter("inspectHost"),
      sweepDirectory: adapter("sweepDirectory"),
      compactRepository: adapter("compactRepository"),
      inspectBranches: adapter("inspectBranches"),
      runChecks: adapter("runChecks"),
      mergePullRequest: adapter("mergePullRequest"),
      openPullRequest: adapter("openPullRequest"),
      prepareReview: adapter("prepareReview"),
      verifyReview: adapter("verifyReview"),
      releaseReview: adapter("releaseReview"),
      findReviewer: adapter("findReviewer"),
      notifyPerson: adapter("notifyPerson"),
    },
    panes,
    trees,
    strays,
    compacted,
    screens,
    directories: {
      list: async () => {
        const listed = [...[...trees.keys()].map((id) => treeAt(id)), ...strays.values()];
        return Promise.resolve({ directories: listed, freeBytes: host.freeBytes });
      },
      measure: async (paths) => Promise.resolve(new Map(paths.map((path, n) => [path, n]))),
    },
    heads,
    notices,
    failing,
    red,
    conflicting,
    host,
    hold(name, at = "before") {
      const { promise, resolve } = Promise.withResolvers<void>();
      holds.set(name, { promise, at });
      return () => {
        holds.delete(name);
        resolve();
      };
    },
    launches,
    programs,
    free: (name) => void holds.delete(name),
    end(terminal) {
      const pane = panes.get(terminal);
      if (pane !== undefined) panes.set(terminal, { ...pane, hasEnded: true });
    },
    spoilTrees() {
      areSpoiled = true;
    },
    allow: (name) => void refusals.delete(name),
    refuse: (name, failure) => void refusals.set(name, failure),
  };
}

function treeAt(name: string): Directory {
  const path = `/worktrees/${name}`;
  return { area: "worktree", projectId: "demo", name, path, isLocked: false };
}

function worktrees(
  trees: Map<string, Tree>,
  heads: Map<string, string>,
): Pick<Works, "prepareWorkspace" | "reclaimWorkspace"> {
  return {
    prepareWorkspace({ workspace, spec: { branch, baseRef } }) {
      const other = [...trees].find(([id, tree]) => tree.branch === branch && id !== workspace);
      if (other !== undefined) {
        throw new Failure("BRANCH_CHECKED_OUT", `make ${workspace}: ${branch} is in ${other[0]}`);
      }
      const baseSha = heads.get(baseRef);
      if (baseSha === undefined) throw new Failure("BRANCH_UNKNOWN", `no branch ${baseRef}`);
      const adopted = trees.has(workspace);
      if (!adopted) trees.set(workspace, { branch });
      const headSha = heads.get(branch) ?? baseSha;
      heads.set(branch, headSha);
      return { path: `/worktrees/${workspace}`, branch, headSha, baseSha, adopted };
    },
    reclaimWorkspace({ workspace, path }) {
      const reason = trees.get(workspace)?.loss;
      if (reason !== undefined) return { removed: false, reason, detail: `${path} is ${reason}` };
      trees.delete(workspace);
      return { removed: true };
    },
  };
}

function terminals({
  panes,
  launches,
  screens,
}: Pick<Outside, "panes" | "launches" | "screens">): Pick<
  Works,
  "launchTerminal" | "destroyTerminal" | "inspectTerminal" | "typeText"
> {
  let pids = 1_000;
  return {
    launchTerminal(data) {
      const { terminal, epoch } = data;
      launches.set(terminal, data);
      const known = panes.get(terminal);
      if (known?.epoch === epoch) return { pid: known.pid, adopted: true };
      pids += 1;
      panes.set(terminal, { epoch, pid: pids, typed: new Map() });
      return { pid: pids, adopted: false };
    },
    destroyTerminal({ terminal, epoch }) {
      const isThere = (panes.get(terminal)?.epoch ?? Infinity) <= epoch;
      return { killed: isThere && panes.delete(terminal) ? 1 : 0 };
    },
    inspectTerminal({ terminal, epoch }) {
      const pane = panes.get(terminal);
      if (pane?.epoch !== epoch) return { epoch, runtime: "dead", process: "dead" };
      const process = pane.hasEnded === true ? "dead" : "alive";
      return { epoch, runtime: "alive", process, ...screens.get(terminal) };
    },
    typeText({ terminal, epoch, deliveryId, text }) {
      const pane = panes.get(terminal);
      if (pane?.epoch !== epoch) throw new Failure("PANE_GONE", `type into ${terminal}: no pane`);
      const repeated = pane.typed.has(deliveryId);
      pane.typed.set(deliveryId, text);
      return { repeated };
    },
  };
}

function branches(
  heads: Map<string, string>,
  conflicting: ReadonlySet<string>,
): Pick<Works, "inspectBranches" | "mergePullRequest" | "openPullRequest"> {
  const merges = new Map<string, string>();
  let opened = 0;
  return {
    openPullRequest({ github, title, headRef, baseRef, draft }) {
      opened += 1;
      return {
        url: `https://github.com/${github}/pull/${opened}`,
        number: opened,
        title,
        state: draft ? "draft" : "open",
        headSha: heads.get(headRef) ?? sha(0),
        headRef,
        baseRef,
        ci: { state: "none" },
        reviewDecision: "none",
        comments: [],
        mergeable: true,
        updatedAt: 0,
        author: "someone",
        mergeSha: null,
      };
    },
    inspectBranches: ({ pulls }) => ({
      pulls: pulls.map(({ number, headRef, baseRef }) => {
        const headSha = heads.get(headRef) ?? null;
        const baseSha = heads.get(baseRef) ?? null;
        const contained = headSha === baseSha || merges.get(headSha ?? "") === baseSha;
        const mergeable = headSha === null ? null : !conflicting.has(headSha);
        return { number, headSha, baseSha, mergeable, contained };
      }),
    }),
    mergePullRequest({ headSha, baseRef }) {
      const before = merges.get(headSha);
      if (before !== undefined) return { mergeSha: before, repeated: true };
      const mergeSha = sha(merges.size + 1_000);
      merges.set(headSha, mergeSha);
      heads.set(baseRef, mergeSha);
      return { mergeSha, repeated: false };
    },
  };
}

function reviewTrees({
  areSpoiled,
  programs,
}: {
  readonly areSpoiled: () => boolean;
  readonly programs: ReadonlySet<string>;
}): Pick<Works, "prepareReview" | "verifyReview" | "releaseReview" | "findReviewer"> {
  return {
    prepareReview: ({ reviewer, epoch, targets }) => ({
      epoch,
      trees: targets.map(({ runId }) => {
        const path = `/reviews/${reviewer}/${epoch}/${runId}`;
        return { runId, path, isPinned: true, baseSha: sha(1) };
      }),
    }),
    verifyReview: ({ deliveryId, trees }) => ({
      deliveryId,
      trees: trees.map(({ runId }) => ({ runId, isPinned: !areSpoiled() })),
    }),
    releaseReview: () => ({}),
    findReviewer: ({ program }) => ({ program, isThere: programs.has(program) }),
  };
}

/** A commit id made of a number. */
export function sha(n: number): string {
  return n.toString(16).padStart(40, "0");
}

async function stopping(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(new Failure("DEADLINE_PASSED", "the daemon stopped waiting"));
    signal.addEventListener("abort", stop, { once: true });
  });
}
