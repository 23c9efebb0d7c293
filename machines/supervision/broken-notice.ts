import { z } from "zod";
import { splitAddress, type Address } from "../ids.ts";
import { tellOrder, type NoticeType, type Priority } from "../notices.ts";
import type { EffectOrder } from "../order.ts";

// Broken notice
//
// What a person is told of an actor whose step a message broke, which is a bug of ours: at the first throw, and when it
// takes no messages any more (R8). The one is over with the next step that does not throw, the other with the release.

/** `root.threw` and `root.quarantined`, from the host in the actor's name: so many messages in a row broke its step. */
export const Broken = z.object({
  strikes: z.number().int(),
  /** The entry of its journal that says so. */
  seq: z.number().int(),
  /** The message that broke it last. */
  thrower: z.string().max(256),
  projectId: z.string(),
});

type Broken = z.infer<typeof Broken>;

/** What it says, under an id of its own: a later one of the same actor has another one. */
export function brokenMatter(
  address: Address,
  { strikes, seq, thrower, projectId }: Broken,
  isQuarantined: boolean,
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
  const about = { id: `${kind}-${id}-n${seq}`, sessionId: id, projectId, about: address };
  if (!isQuarantined) {
    const title = `A message broke a step of ${address}, which takes others`;
    const text = `It was ${thrower}. Mail, results, timers and what actors observed come again by themselves, nothing else does. See: ao dead ls; report it, it is a bug of ao`;
    return { ...about, type: "actor-threw", priority: "warning", title, text };
  }
  return {
    ...about,
    type: "actor-quarantined",
    priority: "urgent",
    title: `${address} takes no messages any more`,
    text: `${strikes} in a row broke it, the last was ${thrower}. See: ao actor ${address} --journal; then: ao release ${address}`,
  };
}

/** The order that tells it; `at` is when it broke, milliseconds since 1970. */
export function brokenNotice(
  address: Address,
  broken: Broken,
  { isQuarantined, at }: { isQuarantined: boolean; at: number },
): EffectOrder {
  const { id: noticeId, ...matter } = brokenMatter(address, broken, isQuarantined);
  const { kind, id } = splitAddress(address);
  const data = { noticeId, ...matter, ...(kind === "objective" && { objectiveId: id }), at };
  return tellOrder(data);
}
