import type { Address } from "../machines/ids.ts";
import type { DeadLetter, Store } from "../storage/store.ts";
import { isBounce } from "./message-ids.ts";

// Missed
//
// What probes told an actor while it was quarantined, and that mail of its own had died. Nobody says that again: a probe
// takes what the stream has for told, and the end of a terminal would be known to nobody after the release.
//
//   M1. Only that comes again. A caller was answered, a sender was told, a result and a timer come by themselves.
//   M2. The newest are what counts, in the order in which they came; what is of an older epoch by then is stale.

const MOST = 64;
// Letters are looked at from the newest on, so many at most: one actor's are among many.
const PAGE = 1_000;
const MOST_PAGES = 16;

/** The letters of observations and dead mail that `address` shall have again, oldest first. */
export function missedBy(
  store: Pick<Store, "head" | "deadLetters">,
  address: Address,
): DeadLetter[] {
  const { deadSeq } = store.head();
  let missed: DeadLetter[] = [];
  for (let page = 1; page <= MOST_PAGES && missed.length < MOST; page += 1) {
    const last = deadSeq - (page - 1) * PAGE;
    if (last <= 0) break;
    const letters = store.deadLetters({ after: Math.max(0, last - PAGE), limit: PAGE });
    const found = letters.filter((letter) => letter.id <= last && isMissed(letter, address));
    missed = [...found, ...missed];
  }
  return missed.slice(-MOST);
}

function isMissed(
  { to, code, subject, messageId, retries, isTruncated }: DeadLetter,
  address: Address,
): boolean {
  const isSaidOnce = subject.startsWith("ao.obs.") || isBounce(messageId);
  const isOpen = code === "ACTOR_QUARANTINED" && retries === 0 && !isTruncated;
  return to === address && isSaidOnce && isOpen;
}
