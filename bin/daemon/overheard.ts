import type { ActorSystem } from "../../actors/actor-system.ts";
import { splitAddress } from "../../machines/ids.ts";
import type { ProbeClock } from "../../probes/terminals.ts";

// Overheard
//
// What others than its own probe say of a session on a lane that a probe of the daemon looks at. The probe is told, so that
// it looks and answers; that probe's own words are known by their ids, which nobody else may use.
//
//   H1. A probe is told a second after the first such word at most once for all that came meanwhile: who says much makes
//       it look once a second.
//   H2. A word that is dated ahead is told when its time has come: before that no answer would be newer.

const ANSWER_MS = 1_000;

type Speaking = Pick<ActorSystem, "onCommitted">;

/** Tells every word of others on a lane, with the id of whom it is about, until the returned function is called. */
export function wordsOfOthers(
  system: Speaking,
  lane: "runtime" | "workspace" | "pulls",
  tell: (id: string, word: { readonly at: number; readonly data: unknown }) => void,
): () => void {
  return system.onCommitted(({ entries }) => {
    for (const { address, message } of entries) {
      if (message.type !== `${lane}.observed` || message.id.startsWith(`${lane}:`)) continue;
      tell(splitAddress(address).id, message);
    }
  });
}

/** Tells `heard`, until the returned function is called, of which session others spoke. */
export function overhear(
  { system, clock }: { readonly system: Speaking; readonly clock: ProbeClock },
  lane: "runtime" | "workspace",
  heard: (session: string) => void,
): () => void {
  const waiting = new Map<string, { readonly until: number; readonly cancel: () => void }>();
  const note = (session: string, at: number): void => {
    const until = Math.max(clock.now() + ANSWER_MS, at);
    const known = waiting.get(session);
    if (known !== undefined && (known.until >= until || at <= clock.now())) return;
    known?.cancel();
    const cancel = clock.after(until - clock.now(), () => {
      waiting.delete(session);
      heard(session);
    });
    waiting.set(session, { until, cancel });
  };
  const unfollow = wordsOfOthers(system, lane, (session, { at }) => note(session, at));
  return () => {
    unfollow();
    for (const { cancel } of waiting.values()) cancel();
  };
}
