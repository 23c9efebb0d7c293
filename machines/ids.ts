import { z } from "zod";

/** A name that may stand in a NATS subject, an LMDB key and a tmux target: no dots, slashes or spaces. */
export const Token = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "expected 1 to 64 of A-Z a-z 0-9 _ -");

/** The kinds of actors there are; the first half of every address. */
export const KINDS = [
  "project",
  "objective",
  "session",
  "terminal",
  "workspace",
  "forge",
  "review",
  "question",
  "supervisor",
  "collector",
] as const;
export type KindName = (typeof KINDS)[number];

/** Names one actor for its whole life: `kind/id`. */
export const Address = z
  .templateLiteral([z.enum(KINDS), "/", Token], "expected kind/id, for example session/app-1")
  .describe("kind/id, for example session/mer-1");
export type Address = `${KindName}/${string}`;

/** Joins a kind and an id. The caller vouches for the id being a token. */
export function addressOf(kind: KindName, id: string): Address {
  return `${kind}/${id}`;
}

/** The supervisor of objectives and owner of slots, which there is one of. */
export const ROOT: Address = addressOf("supervisor", "root");

/** The two halves of an address. */
export function splitAddress(address: Address): { readonly kind: KindName; readonly id: string } {
  const slash = address.indexOf("/");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an Address begins with a kind
  return { kind: address.slice(0, slash) as KindName, id: address.slice(slash + 1) };
}

/** The id of who sent a message; empty when it came from outside. */
export function idOf({ from }: { readonly from?: Address }): string {
  return from === undefined ? "" : splitAddress(from).id;
}

/** Names one order of one step for ever: `<address>#<seq>.<n>`. */
export type OrderId = `${Address}#${number}.${number}`;

/** The id of the n-th order that step `seq` of `address` recorded. */
export function orderIdOf(address: Address, seq: number, n: number): OrderId {
  return `${address}#${seq}.${n}`;
}

/** Who ordered it, in which step of it, and as which of that step's orders. */
export function splitOrderId(id: OrderId): { address: Address; seq: number; n: number } {
  const hash = id.lastIndexOf("#");
  const [seq = "", n = ""] = id.slice(hash + 1).split(".");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an order id begins with its actor's address
  return { address: id.slice(0, hash) as Address, seq: Number(seq), n: Number(n) };
}
