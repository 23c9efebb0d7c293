import type { FailureCode } from "../failures.ts";
import { HARNESSES } from "../harness/harnesses.ts";
import { addressOf } from "../ids.ts";
import type { Order } from "../order.ts";
import { supervised } from "./children.ts";
import type { EventNamed } from "./protocol.ts";
import { isOver, type RestoreMode, type SessionContext, type SessionStep } from "./record.ts";
import { revived } from "./revival.ts";

// Session restore
//
// Brings a session that is over back to work, under the same name and on the same branch.
//
//   B1. Only what is over and runs no program is restored. Asked again while it is under way, it is one restore; asked
//       while the session is still being ended, it begins when that is done.
//   B2. The agent goes on with its own conversation where its harness can, else it begins anew with its prompt; a session
//       that has neither is refused, and nothing is touched.
//   B3. Every epoch goes on, so nothing of the former life is taken for news; the lifecycle begins anew, and what pull
//       requests there are is seen anew.
//   B4. One that does not come to run goes back to how it was, for the reason it had; its worktree stays.

/** What a restore comes to. */
export function restored(
  context: SessionContext,
  { at }: EventNamed<"session.restore">,
): SessionStep {
  if (context.restore !== null) return replied(context, context.restore.mode);
  const refusal = refusalOf(context);
  if (refusal !== undefined) return { context, orders: [{ type: "refuse", ...refusal }] };
  const mode = modeOf(context);
  if (mode === undefined) {
    const message = `restore session ${context.id}: its agent cannot go on with a conversation, and it has no prompt to begin with; start another one with ao spawn`;
    return { context, orders: [{ type: "refuse", code: "SESSION_NOT_RESUMABLE", message }] };
  }
  const { axes, prs, report, wanted } = context;
  const former = { lifecycle: axes.lifecycle, pr: axes.pr, prs, report };
  const known = { ...context, restore: { mode, former, isWaiting: wanted === "closing" } };
  if (wanted === "closing") return replied(known, mode);
  const { context: revivedContext, event } = revived(known, at);
  const begun = supervised(revivedContext, event);
  const told: Order = {
    type: "mail",
    to: addressOf("project", context.projectId),
    name: "session.restored",
    data: {},
  };
  const { context: next, orders } = replied(begun.context, mode);
  return { context: next, orders: [...orders, told, ...begun.orders] };
}

function replied(context: SessionContext, mode: RestoreMode): SessionStep {
  return { context, orders: [{ type: "reply", data: { sessionId: context.id, mode } }] };
}

const RUNS: ReadonlySet<string> = new Set(["starting", "live", "stopping", "clearing"]);

function refusalOf(context: SessionContext): { code: FailureCode; message: string } | undefined {
  const { id, axes, wanted, terminal, supervisor: children } = context;
  const { state } = axes.lifecycle;
  const tried = `restore session ${id}`;
  const code = "SESSION_NOT_RESTORABLE";
  if (children.phase === "idle") return { code, message: `${tried}: it was never started` };
  if (!isOver(context)) return { code, message: `${tried}: it is ${state}, not over` };
  if (wanted === "running" && RUNS.has(terminal.state)) {
    return { code, message: `${tried}: it is ${state}, but its agent runs; ao kill ${id} ends it` };
  }
  return undefined;
}

/** How it can go on (B2). */
function modeOf({
  harness,
  agentSessionId,
  prompt,
  kind,
}: SessionContext): RestoreMode | undefined {
  if (agentSessionId !== null && HARNESSES.get(harness)?.resumes === true) return "native";
  if (prompt !== "") return "saved_prompt";
  return kind === "orchestrator" ? "fresh" : undefined;
}
