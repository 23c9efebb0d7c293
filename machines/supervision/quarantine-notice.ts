import { z } from "zod";
import { splitAddress, type Address } from "../ids.ts";
import type { NoticeType, Priority } from "../notices.ts";
import type { Order } from "../order.ts";

// Quarantine notice
//
// What a person is told of an actor that takes no messages any more (R8). It is over with its release.

/** `root.quarantined`, from the host in the actor's name: three messages in a row broke its step. */
export const Quarantined = z.object({
  strikes: z.number().int(),
  /** The entry of its journal that says so. */
  seq: z.number().int(),
  /** The message that broke it last. */
  thrower: z.string().max(256),
  projectId: z.string(),
});

type Quarantined = z.infer<typeof Quarantined>;

/** What it says, under an id of its own: a later quarantine of the same actor has another one. */
export function quarantineMatter(
  address: Address,
  { strikes, seq, thrower, projectId }: Quarantined,
): {
  readonly id: string;
  readonly sessionId: string;
  readonly projectId: string;
  readonly type: NoticeType;
  readonly priority: Priority;
  readonly title: string;
  readonly text: string;
  readonly about: string;
} {
  const { kind, id } = splitAddress(address);
  return {
    id: `${kind}-${id}-n${seq}`,
    sessionId: id,
    projectId,
    type: "actor-quarantined",
    priority: "urgent",
    title: `${address} takes no messages any more`,
    text: `${strikes} in a row broke it, the last was ${thrower}. See: ao actor ${address} --journal; then: ao release ${address}`,
    about: address,
  };
}

/** The order that tells it; `at` is when it was quarantined, milliseconds since 1970. */
export function quarantineNotice(address: Address, quarantined: Quarantined, at: number): Order {
  const { id: noticeId, ...matter } = quarantineMatter(address, quarantined);
  const { kind, id } = splitAddress(address);
  const data = { noticeId, ...matter, ...(kind === "objective" && { objectiveId: id }), at };
  return { type: "effect", name: "notifyPerson", lane: "notify", data };
}
