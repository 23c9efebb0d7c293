import type { MachineState } from "../kind.ts";
import { newbornReview, type ReviewContext } from "./record.ts";
import { isOpenRun, movedRun, RUN_STATES, type Run } from "./run.ts";

// Review upgrade
//
// A stored review of an older version as one of today.
//
//   M1. What was added since is at rest.
//   M2. Of several open runs of one head by one reviewer the newest stays; the others have failed.
//   M3. A run in a state that nobody knows has failed, and says so.

/** The snapshot of an older version, brought up to today's. */
export function upgradedReview(state: MachineState): MachineState {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by an older review, so it lacks members only
  const context = upgradedContext(state.context as StoredReview);
  const shown = context.runs.find(({ id }) => id === context.shown);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its regions
  const value = state.value as Record<string, string>;
  return { ...state, context, value: { ...value, run: shown?.state ?? "none" } };
}

type StoredReview = Partial<ReviewContext> & Pick<ReviewContext, "id">;

/** The record of an older version (M1 to M3). */
function upgradedContext(stored: StoredReview): ReviewContext {
  const context = { ...newbornReview(stored.id), ...stored };
  const newest = new Map(context.runs.filter(isOpenRun).map((run) => [keyOf(run), run.id]));
  const runs = context.runs.map((kept): Run => {
    const run = { ...kept, faults: Math.max(0, kept.attempt - 1) };
    if (!RUN_STATES.includes(run.state)) {
      const detail = `it was ${run.state as string}`;
      return { ...run, state: "failed", reason: "unknown_status", detail, endedAt: run.createdAt };
    }
    if (!isOpenRun(run) || newest.get(keyOf(run)) === run.id) return run;
    const detail = "a newer run of the same head is open";
    return movedRun(run, "run.failed", { reason: "duplicate", detail, endedAt: run.createdAt });
  });
  return { ...context, runs };
}

function keyOf({ subject, targetSha, harness }: Run): string {
  return `${subject.url} ${targetSha} ${harness}`;
}
