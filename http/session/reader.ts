import { LRUCache } from "lru-cache";
import type { System } from "../../actors/system.ts";
import { Failure } from "../../machines/failures.ts";
import type { Address } from "../../machines/ids.ts";
import { sessionView, type SessionView, type SessionViewOptions } from "./view.ts";
import type { ActorSummary } from "../views.ts";

// Session reader
//
// Sessions as the outside sees them, for one and for lists.
//
//   C1. A list reads from the store only the sessions that changed since they were listed last.
//   C2. What a list shows of a session is of its summary's step or a later one.
//   C3. What changes with time alone is never kept: a session whose agent has not been heard yet is read anew.

export interface SessionReader {
  /** Fails with ACTOR_UNKNOWN. */
  one(address: Address): SessionView;
  /** The sessions of some summaries, in their order. */
  all(summaries: readonly ActorSummary[]): SessionView[];
}

interface Kept {
  readonly seq: number;
  readonly view: SessionView;
}

/** Reads sessions of a store; keeps at most `limit` of them. */
export function sessionReader(options: {
  readonly system: Pick<System, "snapshot">;
  readonly now: () => number;
  readonly attach?: SessionViewOptions["attach"];
  readonly limit: number;
}): SessionReader {
  const kept = new LRUCache<Address, Kept>({ max: options.limit });
  const read = (address: Address): Kept => {
    const row = options.system.snapshot(address);
    if (row === undefined) throw new Failure("ACTOR_UNKNOWN", `there is no ${address}`);
    const view = sessionView(row, { at: options.now(), attach: options.attach });
    const found = { seq: row.seq, view };
    if (isSettled(view)) kept.set(address, found);
    return found;
  };
  const listed = ({ address, seq }: ActorSummary): SessionView => {
    const known = kept.get(address);
    return (known !== undefined && known.seq >= seq ? known : read(address)).view;
  };
  return {
    one: (address) => read(address).view,
    all: (summaries) => summaries.map(listed),
  };
}

/** Whether only a step can change what is shown (C3). */
function isSettled({ harness, activity }: SessionView): boolean {
  return harness === "command" || activity.lastActivityAt !== null;
}
