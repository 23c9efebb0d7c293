import { assertEvent, assign, setup } from "xstate";
import { mailTo } from "../children.ts";
import type { Birth, Kind, MachineState } from "../kind.ts";
import type { Order } from "../order.ts";
import { records } from "../recording.ts";
import { typed } from "../typed.ts";
import {
  accepts,
  hasWorkAgain,
  incarnationOf,
  isCurrent,
  isKept,
  keptBecause,
  preservedIn,
  showsNews,
  type SeenBy,
  type WorkspaceContext,
  type WorkspaceEvent,
} from "./facts.ts";

// Workspace
//
// One worktree on its branch, from the order to make it until it is gone or kept because something would be lost.
//
//   W1. A stop that comes while the worktree is being made does not wait for it: git is ended, and what came of it goes.
//   W2. Work is never thrown away: it is kept in a ref, and what no ref can hold keeps the worktree; either is told.
//   W3. Every stop gets one answer, `child.stopped`, whatever became of the worktree.

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
    isNowhere: (seen) => isCurrent(seen) && seen.context.tree === null,
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
      spec === null
        ? []
        : [
            {
              type: "effect",
              name: "reclaimWorkspace",
              lane: `reclaim:${spec.repo}`,
              epoch,
              data: { workspace: id, host, path: tree?.path ?? null, spec },
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
        ...ITS_END,
        "child.start": { guard: "isNewer", actions: ["begin", "prepareWorkspace"] },
        "prepareWorkspace.done": [
          { guard: "bringsWorkBack", target: "dirty", actions: ["noteTree", "tellStarted"] },
          { guard: "isCurrent", target: "ready", actions: ["noteTree", "tellStarted"] },
        ],
        "prepareWorkspace.failed": {
          guard: "isCurrent",
          target: "failed",
          actions: ["noteFailure", "tellFailed"],
        },
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
      description:
        "Git was asked to remove the worktree, or what was made of it, if nothing would be lost.",
      on: {
        "child.start": { guard: "isNewer", actions: "noteSuccessor" },
        "child.stop": { guard: "isForThisOrLater", actions: "noteStop" },
        // It was whole before git could be ended.
        "prepareWorkspace.done": { guard: "isCurrent", actions: "noteTree" },
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
            guard: "isNowhere",
            target: "failed",
            actions: ["noteKept", "tellStopped", "forgetStop"],
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
      description:
        "Git could not make the worktree, or clear what was made of it; the reason is kept.",
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
  version: 3,
  migrations: {
    1: (state) => ({ ...state, context: { ...contextOf(state), preserved: null } }),
    // A stop that waited for its worktree is told again by the lease of whoever ordered it.
    2: (state) => state,
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
