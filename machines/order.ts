import type { FailureCode } from "./failures.ts";
import type { Address } from "./ids.ts";
import type { Json, JsonObject } from "./json.ts";
import type { ObservationLane } from "./observations.ts";

// Order
//
// What a step asks for. A machine emits orders (`emit`), it never carries one out.
//
//   O1. An order is data: it survives JSON.
//   O2. An order that leaves the daemon carries the epoch it was given for, if it concerns a process.

/** Work in the outside world, done by an adapter in a lane; answered by `<name>.done` or `<name>.failed`. */
export type EffectOrder = {
  readonly type: "effect";
  readonly name: string;
  /** Orders of one lane are carried out one at a time, oldest first. */
  readonly lane: string;
  readonly data: JsonObject;
  readonly epoch?: number;
};

/** A message to another actor. */
export type MailOrder = {
  readonly type: "mail";
  readonly to: Address;
  readonly name: string;
  readonly data: JsonObject;
  readonly epoch?: number;
};

/** An observation published as any probe would: `ao.obs.<lane>.<id>`. */
export type ObservationOrder = {
  readonly type: "observation";
  readonly lane: ObservationLane;
  readonly id: string;
  readonly data: JsonObject;
};

/** Sends the actor `timer.<name>` at `dueAt` (milliseconds since 1970). Arming again moves it. */
export type ArmOrder = { readonly type: "arm"; readonly name: string; readonly dueAt: number };
export type CancelOrder = { readonly type: "cancel"; readonly name: string };

/** What the caller of a command learns. At most one of the two per step; the first stands. */
export type ReplyOrder = { readonly type: "reply"; readonly data: Json };
export type RefuseOrder = {
  readonly type: "refuse";
  readonly code: FailureCode;
  readonly message: string;
};

export type Order =
  | EffectOrder
  | MailOrder
  | ObservationOrder
  | ArmOrder
  | CancelOrder
  | ReplyOrder
  | RefuseOrder;
