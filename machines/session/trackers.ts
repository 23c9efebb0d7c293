import { refunded, type Tracker } from "./reaction-budgets.ts";
import type { SessionContext, SessionMessage } from "./record.ts";

/** The session with one tracker replaced, or dropped; the very same one when it is the same. */
export function withTracker(
  context: SessionContext,
  id: string,
  tracker: Tracker | undefined,
): SessionContext {
  if (context.trackers[id] === tracker) return context;
  const { [id]: _, ...others } = context.trackers;
  const trackers = tracker === undefined ? others : { ...context.trackers, [id]: tracker };
  return { ...context, trackers };
}

/** The session after a text was not delivered: its attempt is given back. */
export function withRefund(context: SessionContext, { about }: SessionMessage): SessionContext {
  if (about === undefined) return context;
  const tracker = context.trackers[about.tracker];
  if (tracker === undefined) return context;
  return withTracker(context, about.tracker, refunded(tracker, about.parts));
}

/** The session with nothing left to react to: it has ended. */
export function withoutTrackers(context: SessionContext): SessionContext {
  return Object.keys(context.trackers).length === 0 ? context : { ...context, trackers: {} };
}

/** Somebody spoke to the agent: what it does about rest begins anew. */
export function withoutIdleTracker(context: SessionContext): SessionContext {
  return withTracker(context, "agent-idle", undefined);
}
