import { isOpenPull } from "../../machines/pull-state.ts";
import type { SessionView } from "./view.ts";

// Session waits
//
// What a session waits for, in words: one sentence for each thing, what a person can do about it first. Pure.

/** Empty when nothing is left to wait for. */
export function waitsOf(view: SessionView): string[] {
  const { id, wanted, lifecycle, workspace } = view;
  if (wanted !== "running" && isAtRest(view)) {
    const kept = workspace.reason ?? "";
    const path = workspace.path ?? "";
    return kept === "" || path === "" ? [] : [`you: its worktree is kept (${kept}) in ${path}`];
  }
  if (wanted !== "running") return endOf(view);
  const open = lifecycle.state === "done" ? view.prs.find(isOpenPull) : undefined;
  if (open !== undefined) return [`pull request #${open.number} to be merged or closed`];
  if (lifecycle.state === "terminated") {
    return [`you: it has ended; ao restore ${id} goes on, ao cleanup ends what is left of it`];
  }
  if (lifecycle.state === "done") return ["you: it is over; ao cleanup ends what is left of it"];
  return [
    ...limitOf(view),
    ...personOf(view),
    ...startOf(view),
    ...agentOf(view),
    ...pullsOf(view),
  ];
}

function isAtRest({ terminal, workspace }: SessionView): boolean {
  const isEnded = terminal.state === "stopped" || terminal.state === "absent";
  return isEnded && workspace.state !== "reclaiming" && workspace.state !== "preparing";
}

function endOf({ terminal, workspace }: SessionView): string[] {
  if (terminal.state !== "stopped" && terminal.state !== "absent") return ["its terminal to end"];
  return workspace.state === "reclaiming" ? ["its worktree to be put away"] : [];
}

function limitOf({ limit }: SessionView): string[] {
  if (limit === undefined) return [];
  const time = new Date(limit.until).toISOString();
  return [`the limit of its harness to be reset at ${time}; it goes on by itself`];
}

function personOf({ id, lifecycle }: SessionView): string[] {
  if (lifecycle.state === "needs_input") return [`you: answer it in its terminal, ao attach ${id}`];
  if (lifecycle.state === "stuck") return [`you: look at its terminal, ao attach ${id}`];
  return [];
}

function startOf({ workspace, terminal }: SessionView): string[] {
  if (workspace.state === "preparing") return ["its worktree to be made"];
  return terminal.state === "starting" ? ["its terminal to start"] : [];
}

function agentOf({ lifecycle, activity, detecting, harness, terminal }: SessionView): string[] {
  if (detecting !== null) {
    return [`another look at its terminal, after ${detecting.attempts} in doubt`];
  }
  if (lifecycle.state === "working") return ["its agent to go on"];
  const isUnheard = lifecycle.state === "not_started" && terminal.state === "live";
  if (!isUnheard || activity.lastActivityAt !== null) return [];
  return harness === "command"
    ? ["a word of its agent (ao hook command active), or its end"]
    : ["the first word of its agent"];
}

function pullsOf({ id, prs, projectId }: SessionView): string[] {
  return prs.flatMap(({ number, state, ci, reviewDecision, mergeable }) => {
    if (state === "merged" || state === "closed") return [];
    const of = `pull request #${number}`;
    if (ci.state === "failing") return [`${id} to mend the checks of ${of}`];
    if (ci.state === "pending") return [`the checks of ${of}`];
    if (mergeable === false) return [`${id} to resolve the conflict of ${of}`];
    if (state === "draft") return [`${id} to make ${of} ready`];
    if (reviewDecision === "changes_requested") return [`${id} to answer the review of ${of}`];
    if (reviewDecision === "required") return [`a review of ${of}`];
    return [`you: merge ${of}, ao pr merge ${projectId} ${number}`];
  });
}
