import type { RawMessage } from "../bus/bus.ts";
import type { Failure } from "../machines/failures.ts";
import type { Address } from "../machines/ids.ts";
import type { Message } from "../machines/message.ts";
import type { DeadLetter, OutboxRow } from "../storage/store.ts";

/** What the daemon itself puts into the next batch, beside the stream. */
export type Internal =
  | { readonly type: "message"; readonly message: Message }
  | { readonly type: "amend"; readonly row: OutboxRow }
  | { readonly type: "retried"; readonly letter: DeadLetter }
  | { readonly type: "release"; readonly address: Address };

/** What becomes durable together, and whom to tell. */
export interface Offered {
  readonly inputs: readonly Internal[];
  readonly done: () => void;
  readonly fail: (failure: Failure) => void;
}

/** What one batch is made of. */
export interface Work {
  readonly raws: readonly RawMessage[];
  readonly offered: readonly Offered[];
}

export const NO_WORK: Work = { raws: [], offered: [] };

/** What was done of the work, and what is left of it. */
export function divided(given: Work, done: number): { work: Work; left: Work } {
  const { raws, offered } = given;
  const n = Math.min(done, offered.length);
  if (done === offered.length + raws.length) return { work: given, left: NO_WORK };
  const read = done - n;
  return {
    work: { offered: offered.slice(0, n), raws: raws.slice(0, read) },
    left: { offered: offered.slice(n), raws: raws.slice(read) },
  };
}
