import { z } from "zod";
import { PreservedWork } from "./effects.ts";
import { Address } from "./ids.ts";
import type { JsonObject } from "./json.ts";
import type { MailOrder } from "./order.ts";
import { Cause } from "./supervision/supervision.ts";

// Children
//
// What a parent and its child say to each other. The epoch stands in the body and is fenced by the two machines
// themselves: the parent is at the newer one first, so the envelope's fence would drop the very order that raises it.
//
//   K1. `child.stopped`, and `child.exited` of a launch that failed, are said only when nothing of that epoch is left.
//   K2. A child answers every `child.start` of a newer epoch, unless a newer start or a stop overtakes it.

const Epoch = z.number().int().positive();

/** `child.stop`, from the parent: end what runs, up to and with this epoch. */
export const ChildStop = z.object({
  epoch: Epoch,
  shutdownMs: z.number().int().nonnegative(),
  /** Say so when it cannot be ended (`child.unstoppable`); it is tried on in any case. */
  tell: z.boolean().optional(),
});

/** `child.unstoppable`: what runs could not be ended yet. */
export const ChildUnstoppable = z.object({
  epoch: Epoch,
  code: z.string(),
  message: z.string(),
});

/** `child.started`: it runs. A workspace says where, a terminal with which process. */
export const ChildStarted = z.object({
  epoch: Epoch,
  pid: z.number().int().optional(),
  /** By what it is kept, and its name there. */
  runtime: z.string().max(64).optional(),
  handle: z.string().max(256).optional(),
  /** The conversation that the agent began, where it is known so soon. */
  agentSessionId: z.string().max(256).optional(),
  path: z.string().optional(),
  branch: z.string().optional(),
  headSha: z.string().optional(),
  baseSha: z.string().optional(),
  /** Work of an earlier worktree, put back or still waiting in its ref. */
  preserved: PreservedWork.optional(),
});

/** `child.exited`: it ended by itself, or never began (`launch`, `infra`). */
export const ChildExited = z.object({
  epoch: Epoch,
  cause: Cause,
  exitCode: z.number().int().optional(),
  signal: z.string().optional(),
  code: z.string().optional(),
  message: z.string().optional(),
});

/** `child.stopped`: nothing runs any more. A workspace says whether it is gone, and if not, why. */
export const ChildStopped = z.object({
  epoch: Epoch,
  removed: z.boolean().optional(),
  reason: z.string().optional(),
  detail: z.string().optional(),
  /** The ref that holds what it had not committed. */
  preserved: z.string().optional(),
});

/** `child.quarantined`, from the host: three messages in a row broke the child's step. */
export const ChildQuarantined = z.object({ strikes: z.number().int() });

/** `mail.undeliverable`, from the host in the addressee's name: mail of the sender became a dead letter there. */
export const MailUndeliverable = z.object({
  order: z.string(),
  to: Address,
  name: z.string(),
  code: z.string(),
  message: z.string(),
});

/** What could not be done, and when that was seen, milliseconds since 1970. */
export type Trouble = { readonly at: number; readonly code: string; readonly message: string };

export const Delivery = z.object({
  // That of a message, and the number of an Enter that is pressed for it.
  deliveryId: z.string().max(300),
  text: z.string().max(1_048_576),
  epoch: Epoch,
  submit: z.boolean().default(true),
});

/** `terminal.undeliverable`: `not_live` was never typed, `interrupted` may have been, `refused` could not be. */
export const Undeliverable = z.object({
  deliveryId: z.string(),
  reason: z.enum(["not_live", "interrupted", "refused"]),
  detail: z.string(),
});
export type Undeliverable = z.infer<typeof Undeliverable>;

/** Mail to whoever asked; nothing when nobody did. */
export function mailTo(
  to: Address | null | undefined,
  name: string,
  data: JsonObject,
): readonly MailOrder[] {
  return to === null || to === undefined ? [] : [{ type: "mail", to, name, data }];
}
