import type { FailureCode } from "../machines/failures.ts";
import type { Address } from "../machines/ids.ts";
import type { Batch } from "./batch.ts";

/** A dead letter keeps so many characters of its body. */
const LETTER_LENGTH = 65_536;

/** The message as it came, for the letter. */
export interface Original {
  readonly subject: string;
  readonly body: string;
}

/** Why a message cannot be applied. */
export interface Rejection {
  readonly id: string;
  readonly code: FailureCode;
  readonly message: string;
  readonly to?: Address;
}

/** Makes a dead letter of a message, once: a repeat of it is a duplicate. */
export function bury(
  batch: Batch,
  { rejection, original, at }: { rejection: Rejection; original: Original; at: number },
): void {
  const id = batch.deadSeq + 1;
  const { code, message, to } = rejection;
  batch.letters.push({
    id,
    at,
    code,
    message,
    subject: original.subject,
    messageId: rejection.id,
    ...(to !== undefined && { to }),
    body: original.body.slice(0, LETTER_LENGTH),
    isTruncated: original.body.length > LETTER_LENGTH,
    retries: 0,
  });
  batch.count("dead");
  batch.remember({ id: rejection.id, at, outcome: { type: "dead", letter: id, code, message } });
}
