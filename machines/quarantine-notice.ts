import { z } from "zod";
import { splitAddress, type Address } from "./ids.ts";
import type { Order } from "./order.ts";

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

/** The order that tells it; `at` is when it was quarantined, milliseconds since 1970. */
export function quarantineNotice(
  address: Address,
  { strikes, seq, thrower, projectId }: z.infer<typeof Quarantined>,
  at: number,
): Order {
  const { kind, id } = splitAddress(address);
  const data = {
    noticeId: `${kind}-${id}-n${seq}`,
    sessionId: id,
    ...(kind === "objective" && { objectiveId: id }),
    projectId,
    type: "actor-quarantined",
    priority: "urgent",
    title: `${address} takes no messages any more`,
    text: `${strikes} in a row broke it, the last was ${thrower}. See: ao actor ${address} --journal; then: ao release ${address}`,
    about: address,
    at,
  };
  return { type: "effect", name: "notifyPerson", lane: "notify", data };
}
