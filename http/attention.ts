import type { KindName } from "../machines/ids.ts";
import type { Json } from "../machines/json.ts";

// Attention
//
// Whose turn it is with an actor: a person's, its own, nobody's. Pages, lists and boards all ask here.
//
//   A1. It follows from the committed row, and silence from the time of asking: whoever asks is told the same.
//   A2. Whoever is asked for by an open notice is needed, also when all else is over.
//   A3. What is over needs nobody, and what moves by itself is waited for before anybody is.
//   A4. An agent that never gave a sign does not move as far as anybody knows: a person has to look.

/** In the order in which a person wants to see them. */
export const ATTENTIONS = ["needs", "moving", "resting", "ended"] as const;
/** `needs`: a person's; `moving`: its own; `resting`: somebody else's, or no one's; `ended`: it is over. */
export type Attention = (typeof ATTENTIONS)[number];

export interface Facts {
  readonly kind: KindName;
  /** Dotted paths of the innermost states. */
  readonly states: readonly string[];
  /** What is kept of its notices, as it stands in the context. */
  readonly notices: unknown;
  readonly isDone: boolean;
  readonly isQuarantined: boolean;
  /** It is shown as `no_signal`. */
  readonly isSilent?: boolean;
}

type Told = Readonly<Partial<Record<Exclude<Attention, "resting">, readonly string[]>>>;

/** Of every kind the states that say whose turn it is; in all others it rests. */
export const STATES: Readonly<Record<KindName, Told>> = {
  objective: {
    needs: ["escalated", "driving.waiting_for_user"],
    moving: [
      "starting",
      "driving.turn_running",
      "driving.waiting_for_workers",
      "driving.poked",
      "recovering",
    ],
    ended: ["done", "canceled", "failed"],
  },
  question: { needs: ["open"], moving: ["answered"], ended: ["delivered", "canceled"] },
  session: {
    needs: ["lifecycle.needs_input", "lifecycle.stuck"],
    moving: ["lifecycle.not_started", "lifecycle.working", "lifecycle.detecting"],
    ended: ["wanted.stopped", "lifecycle.done", "lifecycle.terminated"],
  },
  review: {
    needs: ["run.failed"],
    moving: [
      "reviewer.launching",
      "reviewer.live",
      "reviewer.destroying",
      "run.queued",
      "run.launching",
      "run.running",
    ],
    ended: ["worker.over"],
  },
  terminal: { moving: ["launching", "live", "destroying"], ended: ["absent", "exited"] },
  workspace: {
    needs: ["dirty", "failed"],
    moving: ["preparing", "reclaiming"],
    ended: ["archived"],
  },
  project: { ended: ["vacant", "removed"] },
  forge: { ended: ["closed"] },
  supervisor: { moving: ["ticking", "auditing"] },
  collector: { moving: ["surveying", "collecting"] },
};

/** Whose turn it is. */
export function attentionOf(facts: Facts): Attention {
  const { kind, states, isDone, isSilent = false } = facts;
  if (facts.isQuarantined || asksSomebody(facts.notices)) return "needs";
  const isIn = (attention: keyof Told): boolean =>
    STATES[kind][attention]?.some((path) => states.some((state) => isWithin(state, path))) === true;
  if (isDone || isIn("ended")) return "ended";
  if (isIn("moving")) return isSilent ? "needs" : "moving";
  return isIn("needs") ? "needs" : "resting";
}

function isWithin(state: string, path: string): boolean {
  return state === path || state.startsWith(`${path}.`);
}

const ASKING: readonly unknown[] = ["urgent", "action"];

function asksSomebody(notices: unknown): boolean {
  if (!Array.isArray(notices)) return false;
  return notices.some(
    (notice: Json) =>
      typeof notice === "object" &&
      notice !== null &&
      "priority" in notice &&
      ASKING.includes(notice["priority"]) &&
      !("seenAt" in notice) &&
      !("resolvedAt" in notice),
  );
}
