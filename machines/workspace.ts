import { assertEvent, assign, setup } from "xstate";
import { z } from "zod";
import { ChildStop, mailTo } from "./children.ts";
import { EffectFailure, effectDone, type PreservedWork, WorkspaceSpec } from "./effects.ts";
import type { Address } from "./ids.ts";
import type { Birth, Kind, MachineState } from "./kind.ts";
import type { EventOf } from "./message.ts";
import { WorkspaceObservation } from "./observations.ts";
import type { Order } from "./order.ts";
import { records, type Seen } from "./recording.ts";
import { typed } from "./typed.ts";

// Workspace
//
// One worktree on its branch, from the order to make it until it is gone or kept because something would be lost.
//
//   W1. A stop that comes while the worktree is being made is carried out after the answer: no late one stays behind.
//   W2. Work is never thrown away: it is kept in a ref, and what no ref can hold keeps the worktree; either is told.
//   W3. Every stop gets one answer, `child.stopped`, whatever became of the worktree.

const accepts = {
  "child.start": z.object({
    epoch: z.number().int().positive(),
    host: z.string().default("local"),
    spec: WorkspaceSpec,
  }),
  "child.stop": ChildStop,
  "workspace.seen": WorkspaceObservation,
  "prepareWorkspace.done": effectDone("prepareWorkspace"),
  "prepareWorkspace.failed": EffectFailure,
  "reclaimWorkspace.done": effectDone("reclaimWorkspace"),
  "reclaimWorkspace.failed": EffectFailure,
};
type WorkspaceEvent = EventOf<typeof accepts>;

type Tree = {
  readonly path: string;
  readonly branch: string;
  readonly headSha: string;
  readonly baseSha: string;
};
type Incarnation = {
  readonly epoch: number;
  readonly host: string;
  readonly spec: WorkspaceSpec;
  readonly parent: Address | null;
};

export type WorkspaceContext = {
  readonly id: string;
  readonly parent: Address | null;
  readonly host: string;
  readonly epoch: number;
  readonly spec: WorkspaceSpec | null;
  /** The worktree on disk, from when it was made until it was removed. */
  readonly tree: Tree | null;
  readonly dirty: boolean;
  readonly unpushed: number;
  /** The stop that waits for its answer. */
  readonly stop: { readonly epoch: number } | null;
  /** Asked for while the older one was being removed. */
  readonly successor: Incarnation | null;
  /** Why it was kept when it should have gone. */
  readonly kept: { readonly at: number; readonly reason: string; readonly detail: string } | null;
  readonly failure: { readonly at: number; readonly code: string; readonly message: string } | null;
  /** Work that was not committed when an earlier worktree was removed. */
  readonly preserved: PreservedWork | null;
};
type SeenBy = Seen<WorkspaceContext, WorkspaceEvent>;

function isCurrent({ context, event }: SeenBy): boolean {
  return event.epoch === undefined || event.epoch === context.epoch;
}

function incarnationOf({ event }: SeenBy): Incarnation {
  assertEvent(event, "child.start");
  const { epoch, host, spec } = event.data;
  return { epoch, host, spec, parent: event.from ?? null };
}

function keptBecause({ event }: SeenBy): { reason: string; detail: string } | null {
  if (event.type === "reclaimWorkspace.failed") {
    return { reason: "unknown", detail: event.data.message };
  }
  if (event.type !== "reclaimWorkspace.done" || event.data.result.removed) return null;
  const { reason, detail } = event.data.result;
  return { reason, detail };
}

/** Whether the worktree was made with the uncommitted work that was kept of the one before. */
function hasWorkAgain(event: WorkspaceEvent): boolean {
  return event.type === "prepareWorkspace.done" && event.data.result.preserved?.isApplied === true;
}

/** The ref that a removal named. */
function preservedIn(event: WorkspaceEvent): string | undefined {
  if (event.type !== "reclaimWorkspace.done" || !event.data.result.removed) return undefined;
  return event.data.result.preserved;
}

function isKept(reason: "dirty" | "other"): (seen: SeenBy) => boolean {
  return (seen) => {
    const kept = keptBecause(seen);
    return isCurrent(seen) && kept !== null && (kept.reason === "dirty") === (reason === "dirty");
  };
}

function showsNews({ context, event }: SeenBy): boolean {
  if (event.type !== "workspace.seen" || context.tree === null) return false;
  const { dirty, unpushed, headSha, branch } = event.data;
  return (
    dirty !== context.dirty ||
    unpushed !== context.unpushed ||
    (headSha !== null && headSha !== context.tree.headSha) ||
    (branch !== null && branch !== context.tree.branch)
  );
}

/** How a worktree that is there ends, clean or not: for a newer epoch, or for good. */
const ITS_END = {
  "child.start": { guard: "isNewer", target: "preparing", actions: ["begin", "prepareWorkspace"] },
  "child.stop": {
    guard: "isForThisOrLater",
    target: "reclaiming",
    actions: ["noteStop", "reclaimWorkspace"],
  },
} as const;

const machine = setup({
  types: {
    context: typed<WorkspaceContext>(),
    events: typed<WorkspaceEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  guards: {
    isNewer: ({ context, event }) =>
      event.type === "child.start" &&
      event.data.epoch >
        Math.max(context.epoch, context.stop?.epoch ?? 0, context.successor?.epoch ?? 0),
    isForThisOrLater: ({ context, event }) =>
      event.type === "child.stop" &&
      event.data.epoch >= Math.max(context.epoch, context.successor?.epoch ?? 0),
    isCurrent,
    isStopWanted: (seen) => isCurrent(seen) && seen.context.stop !== null,
    bringsWorkBack: (seen) => isCurrent(seen) && hasWorkAgain(seen.event),
    isKeptForSuccessor: (seen) =>
      isCurrent(seen) && seen.context.successor !== null && keptBecause(seen) !== null,
    hasSuccessor: (seen) => isCurrent(seen) && seen.context.successor !== null,
    isKeptDirty: isKept("dirty"),
    isKept: isKept("other"),
    turnsDirty: (seen) =>
      showsNews(seen) && seen.event.type === "workspace.seen" && seen.event.data.dirty,
    turnsClean: (seen) =>
      showsNews(seen) && seen.event.type === "workspace.seen" && !seen.event.data.dirty,
  },
  actions: {
    begin: assign((seen) => ({ ...incarnationOf(seen), stop: null, kept: null, failure: null })),
    noteSuccessor: assign((seen) => ({ successor: incarnationOf(seen) })),
    takeSuccessor: assign(({ context: { successor } }) => ({
      ...successor,
      successor: null,
      kept: null,
      failure: null,
    })),
    noteTree: assign(({ event }) => {
      assertEvent(event, "prepareWorkspace.done");
      const { path, branch, headSha, baseSha, preserved = null } = event.data.result;
      const dirty = hasWorkAgain(event);
      return { tree: { path, branch, headSha, baseSha }, dirty, unpushed: 0, preserved };
    }),
    noteFailure: assign(({ event }) => {
      assertEvent(event, "prepareWorkspace.failed");
      const { code, message } = event.data;
      return { failure: { at: event.at, code, message } };
    }),
    noteFacts: assign(({ context, event }) => {
      assertEvent(event, "workspace.seen");
      const { dirty, unpushed, headSha, branch } = event.data;
      const tree = context.tree && {
        ...context.tree,
        headSha: headSha ?? context.tree.headSha,
        branch: branch ?? context.tree.branch,
      };
      return { dirty, unpushed, tree };
    }),
    noteStop: assign(({ event }) => {
      assertEvent(event, "child.stop");
      return { stop: { epoch: event.data.epoch }, successor: null };
    }),
    noteKept: assign((seen) => {
      const kept = keptBecause(seen);
      return {
        kept: kept && { at: seen.event.at, ...kept },
        dirty: seen.context.dirty || kept?.reason === "dirty",
      };
    }),
    noteGone: assign(({ context, event }) => {
      const ref = preservedIn(event);
      const preserved =
        ref === undefined ? context.preserved : { ref, isApplied: false, detail: "" };
      return { tree: null, dirty: false, unpushed: 0, kept: null, preserved };
    }),
    forgetStop: assign(({ context }) => ({
      stop: null,
      epoch: Math.max(context.epoch, context.stop?.epoch ?? 0),
    })),

    prepareWorkspace: records(({ context: { id, host, epoch, spec } }: SeenBy) =>
      spec === null
        ? []
        : [
            {
              type: "effect",
              name: "prepareWorkspace",
              lane: `git:${spec.repo}`,
              epoch,
              data: { workspace: id, host, epoch, spec, isAgain: epoch > 1 },
            },
          ],
    ),
    reclaimWorkspace: records(({ context: { id, host, epoch, spec, tree } }: SeenBy) =>
      spec === null || tree === null
        ? []
        : [
            {
              type: "effect",
              name: "reclaimWorkspace",
              lane: `git:${spec.repo}`,
              epoch,
              data: { workspace: id, host, path: tree.path, spec },
            },
          ],
    ),
    tellStarted: records(({ context: { parent, epoch, tree, preserved } }: SeenBy) =>
      mailTo(parent, "child.started", { epoch, ...tree, ...(preserved !== null && { preserved }) }),
    ),
    tellFailed: records(({ context: { parent, epoch, failure } }: SeenBy) =>
      mailTo(parent, "child.exited", {
        epoch,
        cause: "launch",
        code: failure?.code,
        message: failure?.message,
      }),
    ),
    tellOvertaken: records(({ context: { parent, stop } }: SeenBy) =>
      stop === null
        ? []
        : mailTo(parent, "child.stopped", {
            epoch: stop.epoch,
            removed: false,
            reason: "unknown",
            detail: "a newer epoch is being made in its place",
          }),
    ),
    tellStopped: records(({ context: { parent, stop, tree, kept, failure, preserved } }: SeenBy) =>
      stop === null
        ? []
        : mailTo(parent, "child.stopped", {
            epoch: stop.epoch,
            removed: tree === null && failure === null,
            ...(failure !== null && { reason: "unknown", detail: failure.message }),
            ...(kept !== null && { reason: kept.reason, detail: kept.detail }),
            ...(preserved?.isApplied === false && { preserved: preserved.ref }),
          }),
    ),
  },
}).createMachine({
  id: "workspace",
  description: "One worktree on its branch; removed only when nothing would be lost.",
  context: ({ input: { id } }) => ({
    id,
    parent: null,
    host: "local",
    epoch: 0,
    spec: null,
    tree: null,
    dirty: false,
    unpushed: 0,
    stop: null,
    successor: null,
    kept: null,
    failure: null,
    preserved: null,
  }),
  initial: "preparing",
  states: {
    preparing: {
      description: "Git was asked for the worktree.",
      on: {
        "child.start": {
          guard: "isNewer",
          actions: ["tellOvertaken", "begin", "prepareWorkspace"],
        },
        "child.stop": { guard: "isForThisOrLater", actions: "noteStop" },
        "prepareWorkspace.done": [
          {
            guard: "isStopWanted",
            target: "reclaiming",
            actions: ["noteTree", "reclaimWorkspace"],
          },
          { guard: "bringsWorkBack", target: "dirty", actions: ["noteTree", "tellStarted"] },
          { guard: "isCurrent", target: "ready", actions: ["noteTree", "tellStarted"] },
        ],
        "prepareWorkspace.failed": [
          {
            guard: "isStopWanted",
            target: "failed",
            actions: ["noteFailure", "tellStopped", "forgetStop"],
          },
          { guard: "isCurrent", target: "failed", actions: ["noteFailure", "tellFailed"] },
        ],
      },
    },
    ready: {
      description: "The worktree is there, and everything in it is committed.",
      on: {
        "workspace.seen": [
          { guard: "turnsDirty", target: "dirty", actions: "noteFacts" },
          { guard: "turnsClean", actions: "noteFacts" },
        ],
        ...ITS_END,
      },
    },
    dirty: {
      description: "The worktree holds work that is not committed.",
      on: {
        "workspace.seen": [
          { guard: "turnsClean", target: "ready", actions: "noteFacts" },
          { guard: "turnsDirty", actions: "noteFacts" },
        ],
        ...ITS_END,
      },
    },
    reclaiming: {
      description: "Git was asked to remove the worktree if nothing would be lost.",
      on: {
        "child.start": { guard: "isNewer", actions: "noteSuccessor" },
        "child.stop": { guard: "isForThisOrLater", actions: "noteStop" },
        "reclaimWorkspace.done": [
          {
            guard: "isKeptForSuccessor",
            target: "preparing",
            actions: ["noteKept", "tellStopped", "forgetStop", "takeSuccessor", "prepareWorkspace"],
          },
          {
            guard: "hasSuccessor",
            target: "preparing",
            actions: ["noteGone", "tellStopped", "forgetStop", "takeSuccessor", "prepareWorkspace"],
          },
          {
            guard: "isKeptDirty",
            target: "dirty",
            actions: ["noteKept", "tellStopped", "forgetStop"],
          },
          { guard: "isKept", target: "ready", actions: ["noteKept", "tellStopped", "forgetStop"] },
          {
            guard: "isCurrent",
            target: "archived",
            actions: ["noteGone", "tellStopped", "forgetStop"],
          },
        ],
        "reclaimWorkspace.failed": [
          {
            guard: "hasSuccessor",
            target: "preparing",
            actions: ["noteKept", "tellStopped", "forgetStop", "takeSuccessor", "prepareWorkspace"],
          },
          {
            guard: "isCurrent",
            target: "ready",
            actions: ["noteKept", "tellStopped", "forgetStop"],
          },
        ],
      },
    },
    archived: {
      description: "The worktree is gone; its branch stays.",
      on: {
        "child.start": {
          guard: "isNewer",
          target: "preparing",
          actions: ["begin", "prepareWorkspace"],
        },
        "child.stop": {
          guard: "isForThisOrLater",
          actions: ["noteStop", "tellStopped", "forgetStop"],
        },
      },
    },
    failed: {
      description: "Git could not make the worktree; the reason is kept.",
      on: {
        "child.start": {
          guard: "isNewer",
          target: "preparing",
          actions: ["begin", "prepareWorkspace"],
        },
        "child.stop": {
          guard: "isForThisOrLater",
          actions: ["noteStop", "tellStopped", "forgetStop"],
        },
      },
    },
  },
});

function contextOf(state: MachineState): WorkspaceContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host hands over snapshots of this machine only
  return state.context as WorkspaceContext;
}

/** `workspace/<id>`: one worktree on its branch. */
export const workspace: Kind = {
  name: "workspace",
  description: "A worktree on its branch",
  version: 2,
  migrations: {
    1: (state) => ({ ...state, context: { ...contextOf(state), preserved: null } }),
  },
  machine,
  accepts,
  creates: ["child.start"],
  epochOf: (state) => contextOf(state).epoch,
  parentOf: (state) => contextOf(state).parent ?? undefined,
  summarize: (state) => {
    const { spec, tree, dirty, unpushed, host } = contextOf(state);
    return {
      projectId: spec?.projectId,
      path: tree?.path,
      branch: tree?.branch,
      dirty,
      unpushed,
      host,
    };
  },
};
