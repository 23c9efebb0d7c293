import { isOpenPull } from "../pull-state.ts";
import { isEnded, type ObjectiveContext, type ObjectiveLimits, type Worker } from "./record.ts";

// Claims
//
// Why the session of a worker, and with it the directory it works in, is still needed. First match.
//
//   L1. Any claim keeps it. The last one to go lets it be closed, once, with the step in which it went.
//   L2. What is closed loses nothing: the workspace is removed by who looks again for what only it holds, in the same step.
//   L3. A directory is its session's alone: nobody else's row can remove it.

/** What is needed of a worker's directory, and until when if that is known; undefined when nothing is. */
export function claimOn(
  { workers, end }: ObjectiveContext,
  worker: Worker,
  limits: Pick<ObjectiveLimits, "keepEndedMs">,
): { readonly why: string; readonly until: number | null } | undefined {
  if (end !== null) return undefined;
  if (!isEnded(worker)) return { why: "its session works here", until: null };
  const heir = workers.find((each) => !isEnded(each) && each.dependsOn.includes(worker.id));
  if (heir !== undefined) return { why: `${heir.id} goes on from it`, until: null };
  const pulls = worker.facts?.pulls ?? [];
  const open = pulls.find(isOpenPull);
  if (open !== undefined) return { why: `pull request #${open.number} is open`, until: null };
  if (worker.state === "succeeded" && pulls.length === 0) {
    return { why: "its manager may publish it", until: null };
  }
  // Whoever is told of the end may want to look at it first.
  const until = (worker.endedAt ?? 0) + limits.keepEndedMs;
  return { why: "it ended a moment ago", until };
}
