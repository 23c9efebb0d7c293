import { z } from "zod";
import type { Address } from "./ids.ts";

/**
 * One message to one actor, as the host steps it: an observation, a command or mail, already decoded.
 * `at` is milliseconds since 1970, the time of the fact and the only time a machine knows.
 */
export interface Message {
  /** Names the message for ever; the same id is applied once. */
  readonly id: string;
  readonly type: string;
  readonly at: number;
  readonly to: Address;
  /** The actor that mailed or published it; absent when it came from outside. */
  readonly from?: Address;
  /** Id of the message or order that led to this one. */
  readonly cause?: string;
  /** Incarnation of the process it speaks of; an older one than the actor's own is stale. */
  readonly epoch?: number;
  readonly data: unknown;
}

/** What travels as the body of `ao.cmd.>` and `ao.msg.>`; the subject names the addressee. */
export const Envelope = z.object({
  id: z.string().min(1).max(256).optional(),
  type: z.string().min(1).max(128),
  at: z.number().int().nonnegative().optional(),
  from: z.string().max(128).optional(),
  cause: z.string().max(256).optional(),
  epoch: z.number().int().nonnegative().optional(),
  data: z.unknown().default({}),
});
export type Envelope = z.infer<typeof Envelope>;

/** The event that a machine sees: a message without its addressee, with `data` as its schema says. */
export type EventOf<Accepts extends Readonly<Record<string, z.ZodType>>> = {
  [Type in keyof Accepts & string]: {
    readonly type: Type;
    readonly id: string;
    readonly at: number;
    readonly from?: Address;
    readonly epoch?: number;
    readonly data: z.infer<Accepts[Type]>;
  };
}[keyof Accepts & string];
