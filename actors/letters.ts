import type { RawMessage } from "../bus/bus.ts";
import { mailSubject } from "../bus/subjects.ts";
import { FAILURES, type FailureCode } from "../machines/failures.ts";
import type { Address } from "../machines/ids.ts";
import type { Message } from "../machines/message.ts";
import type { Batch } from "./batch.ts";

/** A dead letter keeps so many characters of its body. */
const LETTER_LENGTH = 65_536;

/** The message as it came, for the letter. */
export interface Original {
  readonly subject: string;
  readonly body: string;
  /** Of its headers those that are part of what it says. */
  readonly headers?: Readonly<Record<string, string>>;
}

const TOLD = ["Ao-At", "Ao-Cause"];

/** A message as it stood in the stream. */
export function rawOriginal({ subject, body, headers }: RawMessage): Original {
  const told = TOLD.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    subject,
    body: new TextDecoder().decode(body.subarray(0, LETTER_LENGTH + 1)),
    ...(told.length > 0 && { headers: Object.fromEntries(told) }),
  };
}

/** A message of the daemon's own as it would have come by the stream. */
export function originalOf(message: Message): Original {
  const { to, ...envelope } = message;
  return { subject: mailSubject(to), body: JSON.stringify(envelope) };
}

/** Why a message cannot be applied. */
export interface Rejection {
  readonly id: string;
  readonly code: FailureCode;
  readonly message: string;
  readonly to?: Address;
}

/** Whether the same message can fare better later: then its outcome is told, and not remembered. */
export function isPassing(code: string): boolean {
  return PASSING.has(code);
}

const PASSING: ReadonlySet<string> = new Set([
  ...Object.entries(FAILURES).flatMap(([code, { retry }]) => (retry ? [code] : [])),
  // Until somebody releases it, or starts the program that can wake it.
  "ACTOR_QUARANTINED",
  "SNAPSHOT_REFUSED",
]);

/** Whether the actor takes the same message once it is released, or woken by the program that knows its chart. */
export function isRelievable(code: string): boolean {
  return code === "ACTOR_QUARANTINED" || code === "SNAPSHOT_REFUSED";
}

/** Makes a dead letter of a message. A repeat of it is a duplicate, unless what it died of passes. */
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
    ...(original.headers !== undefined && { headers: original.headers }),
    isTruncated: original.body.length > LETTER_LENGTH,
    retries: 0,
  });
  batch.count("dead");
  const outcome = { type: "dead", letter: id, code, message } as const;
  if (isPassing(code)) batch.outcomes.set(rejection.id, outcome);
  else batch.remember({ id: rejection.id, at, outcome });
}
