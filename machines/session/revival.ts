import { movedAxis, withAxes, type SessionContext } from "./record.ts";
import { supervisor, type SupervisorEvent } from "../supervision/supervision.ts";

/**
 * The record of a session that begins again under the next epochs, and what its supervisor is told: the terminal alone is
 * wanted where the worktree still stands, else all is started. See restore.ts.
 */
export function revived(
  context: SessionContext,
  at: number,
): { readonly context: SessionContext; readonly event: SupervisorEvent } {
  const begun = begunAnew(context, at);
  if (context.wanted === "running") {
    return { context: begun, event: { type: "child.wanted", id: "terminal", at } };
  }
  const again = supervisor(context.supervisor.spec, context.supervisor);
  return { context: { ...begun, supervisor: again }, event: { type: "start", at } };
}

function begunAnew(context: SessionContext, at: number): SessionContext {
  const { axes, restore, terminal } = context;
  const { lifecycle, runtime, activity } = axes;
  const fresh = withAxes(context, {
    lifecycle: movedAxis(lifecycle, { state: "not_started", reason: "spawn_requested" }, at),
    runtime: movedAxis(runtime, { state: "unknown", reason: "spawn_incomplete" }, at),
    activity: activity.state === "none" ? activity : { ...activity, state: "none", since: at },
    pr: { state: "none", reason: "cleared_on_restore", since: at },
    detecting: null,
    stuckOn: null,
  });
  return {
    ...fresh,
    wanted: "running",
    prs: [],
    report: null,
    trouble: null,
    farewell: null,
    agentSessionId: restore?.mode === "native" ? context.agentSessionId : null,
    terminal: { ...terminal, state: "absent", pid: null, exitCode: null, signal: null },
    restore: restore && { ...restore, isWaiting: false },
  };
}
