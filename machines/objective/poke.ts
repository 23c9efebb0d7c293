import type { ObjectiveContext, ObjectiveLimits, Poke } from "./record.ts";

// Poke
//
// When a manager that rests is spoken to, and what is done about one that does not answer.
//
//   K1. The cooldown runs from the last poke or respawn, whatever came of it; it stands in the snapshot.
//   K2. Each poke records whether progress followed. One that was useful is followed at the pace of the cooldown; each
//       useless one in a row doubles that, up to an hour.
//   K3. After the second useless poke in a row the manager is ended and replaced; if its successor ignores two as well, a
//       person is asked.

const USELESS_BEFORE_RESTART = 2;
const SLOWER = 2;
const LONGEST_MS = 3_600_000;

/** The earliest time of the next poke or respawn (K1, K2). */
export function mayActAt(context: ObjectiveContext, limits: ObjectiveLimits): number {
  const { actedAt, useless } = context;
  const pace = Math.min(LONGEST_MS, limits.cooldownMs * SLOWER ** Math.min(useless, 8));
  return actedAt === 0 ? 0 : actedAt + Math.max(limits.cooldownMs, pace);
}

/** What comes after what was tried so far (K3). */
export function nextAct({ useless, shaken }: ObjectiveContext): "poke" | "restart" | "escalate" {
  if (useless < USELESS_BEFORE_RESTART) return "poke";
  return shaken === 0 ? "restart" : "escalate";
}

/** The record with one more poke under way. */
export function poked(
  context: ObjectiveContext,
  { after, at }: Pick<Poke, "after" | "at">,
): ObjectiveContext {
  const n = context.counts.pokes + 1;
  const poke: Poke = {
    n,
    at,
    epoch: context.manager.epoch,
    state: "sending",
    after,
    progress: context.progress,
    outcome: "open",
  };
  const pokes = [...context.pokes, poke].slice(-50);
  return { ...context, pokes, actedAt: at, counts: { ...context.counts, pokes: n } };
}

/** What became of the poke under way: only one that arrived counts. */
export function pokeArrived(context: ObjectiveContext, isThere: boolean): ObjectiveContext {
  const pokes = context.pokes.map((poke): Poke => {
    if (poke.state !== "sending") return poke;
    return isThere
      ? { ...poke, state: "delivered" }
      : { ...poke, state: "failed", outcome: "none" };
  });
  return { ...context, pokes };
}

/** Whether progress followed the open pokes: asked when the manager rests again (K2). */
export function pokesJudged(context: ObjectiveContext): ObjectiveContext {
  const open = context.pokes.find(
    ({ outcome, state }) => outcome === "open" && state === "delivered",
  );
  if (open === undefined) return withoutBlame(context);
  const isUseful = context.progress > open.progress;
  const pokes = context.pokes.map((poke) =>
    poke === open
      ? { ...poke, outcome: isUseful ? ("progress" as const) : ("none" as const) }
      : poke,
  );
  if (isUseful) return { ...context, pokes, useless: 0, shaken: 0 };
  return { ...context, pokes, useless: context.useless + 1 };
}

/** What was held against a manager is forgotten once there is progress. */
function withoutBlame(context: ObjectiveContext): ObjectiveContext {
  const last = context.pokes.at(-1);
  const isBlamed = context.useless > 0 || context.shaken > 0;
  if (!isBlamed || last === undefined || context.progress <= last.progress) return context;
  return { ...context, useless: 0, shaken: 0 };
}
