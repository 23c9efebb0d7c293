import { z } from "zod";

// Vocabulary
//
// The words of the model; any other is a mistake in the case. No reason at all is "".

export const SessionState = z.enum([
  "not_started",
  "working",
  "idle",
  "needs_input",
  "stuck",
  "detecting",
  "done",
  "terminated",
]);
export const SessionReason = reasonsOf(
  `spawn_requested agent_acknowledged task_in_progress pr_created fixing_ci resolving_review_comments
   awaiting_user_input awaiting_external_review research_complete merged_waiting_decision manually_killed pr_merged
   auto_cleanup runtime_lost agent_process_exited probe_failure error_in_process`,
);
export const PrState = z.enum(["none", "draft", "open", "merged", "closed"]);
export const PrReason = reasonsOf(
  `not_created in_progress ci_failing review_pending changes_requested bot_comments merge_conflicts approved merge_ready
   merged closed_unmerged cleared_on_restore`,
);
export const RuntimeState = z.enum(["unknown", "alive", "exited", "missing", "probe_failed"]);
export const RuntimeReason = reasonsOf(
  `spawn_incomplete process_running process_missing tmux_missing manual_kill_requested pr_merged_cleanup auto_cleanup
   probe_error`,
);
export const Activity = z.enum(["active", "ready", "idle", "waiting_input", "blocked", "exited"]);
export const ActivitySource = z.enum(["native", "terminal", "hook", "runtime", "none"]);
export const Confidence = z.enum(["valid", "stale", "null", "unavailable", "probe_failure"]);

function reasonsOf(text: string): z.ZodType<string> {
  return z.enum(["", ...text.split(/\s+/)]);
}
