import { z } from "zod";
import type { KindName } from "../machines/ids.ts";

// Offers
//
// What a person may do with an actor as it stands. What is not offered would be refused, or would change nothing.
//
//   O1. It follows from the states alone; whether a thing is really done, its machine decides.

export const Offer = z.enum(["send", "kill", "restore", "review", "answer", "cancel", "release"]);
export type Offer = z.infer<typeof Offer>;

export interface Standing {
  readonly kind: KindName;
  /** Dotted paths of the innermost states. */
  readonly states: readonly string[];
  readonly isQuarantined: boolean;
}

type Is = (path: string) => boolean;

const OFFERS: Readonly<Partial<Record<KindName, (is: Is) => readonly Offer[]>>> = {
  session: (is) => {
    const isOver = is("lifecycle.done") || is("lifecycle.terminated");
    const isWanted = is("wanted.running");
    const isGone = is("runtime.exited") || is("runtime.missing");
    const hasPull = is("pr.open") || is("pr.draft");
    return [
      ...when(isWanted && !is("lifecycle.terminated"), "send"),
      ...when(isWanted, "kill"),
      ...when(isOver && (!isWanted || isGone), "restore"),
      ...when(isWanted && hasPull, "review"),
    ];
  },
  review: (is) => when(is("worker.present"), "review"),
  question: (is) => when(is("open"), "answer"),
  objective: (is) => when(!ENDS.some(is), "send", "cancel"),
};

const ENDS = ["done", "canceled", "failed"];

/** In the order in which they are shown. */
export function offersOf({ kind, states, isQuarantined }: Standing): Offer[] {
  const is: Is = (path) => states.some((state) => state === path || state.startsWith(`${path}.`));
  return [...(OFFERS[kind]?.(is) ?? []), ...when(isQuarantined, "release")];
}

function when(holds: boolean, ...offers: readonly Offer[]): readonly Offer[] {
  return holds ? offers : [];
}
