import { z } from "zod";
import { ChildQuarantined, ChildStopped, MailUndeliverable } from "../children.ts";
import { Token } from "../ids.ts";
import { MemberSeen } from "../session/member.ts";
import type { EventOf } from "../message.ts";
import { Command } from "../argument.ts";

/** Who gives a command: an agent about its objective. Absent: the owner. Set by http, never by the caller. */
const By = z.object({ session: Token, epoch: z.number().int().nonnegative() });

/** A text of which something is left when it is typed: not only blanks and control characters. */
export function said(most: number): z.ZodString {
  const visible = /[^\s\p{Cc}]/u;
  return z.string().max(most).regex(visible, "there is nothing in it to read");
}

export const WorkerOrder = z.object({
  title: said(1_000),
  prompt: said(65_536),
  harness: z.string().min(1).max(64).optional(),
  command: Command.optional(),
  dependsOn: z.array(Token).max(32).default([]),
});
export const PlanOrder = z.object({
  items: z.array(z.object({ title: said(300), done: z.boolean().default(false) })).max(100),
});
export const QuestionOrder = z.object({
  question: said(8_192),
  options: z.array(said(300)).max(16).default([]),
});
export const NoteOrder = z.object({ text: said(4_096) });
export const DoneOrder = z.object({
  summary: said(16_384).trim(),
  /** `failed`: the goal cannot be reached. */
  outcome: z.enum(["succeeded", "failed"]).default("succeeded"),
});
export const SendOrder = z.object({
  text: said(16_384),
  /** The worker it is for; the manager when it is not said. */
  to: Token.optional(),
});

/** What an objective understands. */
export const accepts = {
  "objective.start": z.object({
    projectId: Token,
    title: z.string().max(200).default(""),
    prompt: z.string().min(1).max(65_536),
    harness: z.string().min(1).max(64).optional(),
    command: Command.optional(),
  }),
  "objective.worker": WorkerOrder.extend({ by: By.optional() }),
  "objective.stop": z.object({ worker: Token, by: By.optional() }),
  "objective.note": NoteOrder.extend({ by: By.optional() }),
  "objective.plan": PlanOrder.extend({ by: By.optional() }),
  "objective.ask": QuestionOrder.extend({ by: By.optional() }),
  "objective.send": SendOrder.extend({ by: By.optional() }),
  "objective.done": DoneOrder.extend({ by: By.optional() }),
  "objective.cancel": z.object({}),
  "question.answered": z.object({ answer: z.string().max(8_192) }),
  "question.canceled": z.object({}),
  "member.seen": MemberSeen,
  "member.refused": z.object({ sessionId: Token, code: z.string(), message: z.string() }),
  "slot.granted": z.object({ worker: Token }),
  "slot.waiting": z.object({ worker: Token, reason: z.string().max(500) }),
  "objective.audit": z.object({}),
  "child.quarantined": ChildQuarantined,
  "child.stopped": ChildStopped,
  "mail.undeliverable": MailUndeliverable,
  "timer.next": z.object({}),
};
export type ObjectiveEvent = EventOf<typeof accepts>;
export type ObjectiveEventNamed<Type extends ObjectiveEvent["type"]> = Extract<
  ObjectiveEvent,
  { type: Type }
>;
export type By = z.infer<typeof By>;
