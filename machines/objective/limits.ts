import { addressOf } from "../ids.ts";
import type { Facts, ObjectiveContext } from "./record.ts";
import type { MailOrder } from "../order.ts";

/** The word to the owner of slots that a harness has reached a limit; none when that was told of this member before. */
export function limitNews(
  { manager, workers }: ObjectiveContext,
  id: string,
  { harness, limitedUntil }: Facts,
): readonly MailOrder[] {
  const member = manager.sessionId === id ? manager : workers.find((worker) => worker.id === id);
  if (limitedUntil === null || (member?.facts?.limitedUntil ?? null) === limitedUntil) return [];
  const data = { harness, until: limitedUntil };
  return [{ type: "mail", to: addressOf("supervisor", "root"), name: "quota.reached", data }];
}

/** The harness of a worker that names none, as far as one like it has said; empty when none has. */
export function harnessOfProject({ workers }: ObjectiveContext): string {
  const like = workers.findLast(({ harness, facts }) => harness === undefined && facts !== null);
  return like?.facts?.harness ?? "";
}
