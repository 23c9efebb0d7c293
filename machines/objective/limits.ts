import { ROOT } from "../ids.ts";
import type { Facts, ObjectiveContext } from "./record.ts";
import type { MailOrder } from "../order.ts";

/**
 * The word to the owner of slots that a harness has reached a limit, or that its agent goes on before that is over; none
 * when this member said the same before.
 */
export function limitNews(
  { manager, workers }: ObjectiveContext,
  id: string,
  { harness, limitedUntil }: Facts,
): readonly MailOrder[] {
  const member = manager.sessionId === id ? manager : workers.find((worker) => worker.id === id);
  const before = member?.facts?.limitedUntil ?? null;
  if (before === limitedUntil) return [];
  const to = ROOT;
  return limitedUntil === null
    ? [{ type: "mail", to, name: "quota.over", data: { harness, until: before } }]
    : [{ type: "mail", to, name: "quota.reached", data: { harness, until: limitedUntil } }];
}

/** The harness of a worker that names none, as far as one like it has said; empty when none has. */
export function harnessOfProject({ workers }: ObjectiveContext): string {
  const like = workers.findLast(({ harness, facts }) => harness === undefined && facts !== null);
  return like?.facts?.harness ?? "";
}
