import type { ActivityObservation } from "../observations.ts";
import type { z } from "zod";
import { capped } from "../harness/quota.ts";
import { queued } from "./messages.ts";
import { isOver, type SessionContext } from "./record.ts";

// Session limits
//
// A limit of its harness: the session rests until it is over, and goes on by itself.
//
//   P-1. While it rests nothing is typed but a person's words; what waits is typed afterwards, in order.
//   P-2. When the limit is over the agent is told to go on, once. One that works again before needs no word.
//   P-4. A person may say that it is over: who rests at it is told to go on at once.
//   P-3. A project may switch it off: then a limit is an end of a turn like any other, also one that it rests at.

const GO_ON = "The limit of your harness was reset. Go on where you stopped.";

/** What a signal of the agent says of a limit; the very same context when it is no news. */
export function withLimit(
  context: SessionContext,
  { state, limitedUntil }: Pick<z.infer<typeof ActivityObservation>, "state" | "limitedUntil">,
  at: number,
): SessionContext {
  if (limitedUntil !== undefined && context.quotaPause && !isOver(context)) {
    const until = capped(limitedUntil, at);
    return context.limit?.until === until ? context : { ...context, limit: { since: at, until } };
  }
  // Whoever works has no limit any more; one that only rests may still have it.
  return state === "active" && context.limit !== null ? { ...context, limit: null } : context;
}

/** Its project switched that on or off (P-3); undefined when it says nothing of it. */
export function withQuotaPause(
  context: SessionContext,
  quotaPause: boolean | undefined,
): SessionContext {
  if (quotaPause === undefined || quotaPause === context.quotaPause) return context;
  return { ...context, quotaPause, limit: quotaPause ? context.limit : null };
}

/** A person says that its limit is over, whatever was told of it. */
export function liftedAt(context: SessionContext, at: number): SessionContext {
  const { limit } = context;
  return limit === null || limit.until <= at
    ? context
    : { ...context, limit: { ...limit, until: at } };
}

/** When its limit is over; null when there is none that anybody waits for. */
export function limitOverAt({ limit, terminal, wanted }: SessionContext): number | null {
  return terminal.state === "live" && wanted === "running" ? (limit?.until ?? null) : null;
}

/** Its limit is over: it is told to go on (P-2). */
export function goneOn(context: SessionContext, at: number): SessionContext {
  const { limit } = context;
  const overAt = limitOverAt(context);
  if (limit === null || overAt === null || overAt > at) return context;
  const next = { ...context, limit: null };
  const message = { id: `limit-${limit.until}`, text: GO_ON, at, kind: "coordination" } as const;
  // What waits in a full queue wakes it as well.
  return queued(next, message) ?? next;
}
