import { assertEvent } from "xstate";
import { z } from "zod";
import { ChildStop } from "../children.ts";
import { EffectFailure, effectDone, type PreservedWork, WorkspaceSpec } from "../effects.ts";
import type { Address } from "../ids.ts";
import type { EventOf } from "../message.ts";
import { WorkspaceObservation } from "../observations.ts";
import type { Seen } from "../recording.ts";

// Workspace facts
//
// What a workspace hears, what it keeps, and the questions that its chart asks of the two. Pure.

/** The messages that a workspace takes, with the shape of their data. */
export const accepts = {
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
/** One of them, as its chart sees it. */
export type WorkspaceEvent = EventOf<typeof accepts>;

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

/** What is kept of one worktree. */
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
/** What a guard or an action is given. */
export type SeenBy = Seen<WorkspaceContext, WorkspaceEvent>;

/** Whether a message speaks of this incarnation, or of none in particular. */
export function isCurrent({ context, event }: SeenBy): boolean {
  return event.epoch === undefined || event.epoch === context.epoch;
}

/** The incarnation that a start asks for. Throws for any other message. */
export function incarnationOf({ event }: SeenBy): Incarnation {
  assertEvent(event, "child.start");
  const { epoch, host, spec } = event.data;
  return { epoch, host, spec, parent: event.from ?? null };
}

/** Why a removal left the worktree where it is; null when it did not. */
export function keptBecause({ event }: SeenBy): { reason: string; detail: string } | null {
  if (event.type === "reclaimWorkspace.failed") {
    return { reason: "unknown", detail: event.data.message };
  }
  if (event.type !== "reclaimWorkspace.done" || event.data.result.removed) return null;
  const { reason, detail } = event.data.result;
  return { reason, detail };
}

/** Whether the worktree was made with the uncommitted work that was kept of the one before. */
export function hasWorkAgain(event: WorkspaceEvent): boolean {
  return event.type === "prepareWorkspace.done" && event.data.result.preserved?.isApplied === true;
}

/** The ref that a removal named. */
export function preservedIn(event: WorkspaceEvent): string | undefined {
  if (event.type !== "reclaimWorkspace.done" || !event.data.result.removed) return undefined;
  return event.data.result.preserved;
}

/** Asks whether the worktree was kept for uncommitted work, or for anything else. */
export function isKept(reason: "dirty" | "other"): (seen: SeenBy) => boolean {
  return (seen) => {
    const kept = keptBecause(seen);
    return isCurrent(seen) && kept !== null && (kept.reason === "dirty") === (reason === "dirty");
  };
}

/** Whether a look at the worktree saw another fact than is known. */
export function showsNews({ context, event }: SeenBy): boolean {
  if (event.type !== "workspace.seen" || context.tree === null) return false;
  const { dirty, unpushed, headSha, branch } = event.data;
  return (
    dirty !== context.dirty ||
    unpushed !== context.unpushed ||
    (headSha !== null && headSha !== context.tree.headSha) ||
    (branch !== null && branch !== context.tree.branch)
  );
}

/** Whether a workspace in this state has its worktree. */
export function hasWorktree(state: unknown): boolean {
  return state === "ready" || state === "dirty";
}
