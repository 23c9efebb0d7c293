import type { MemberSeen } from "../session/member.ts";
import { arrived, settledSending, toManager, wentAstray } from "./inbox.ts";
import { pokeArrived, pokesJudged } from "./poke.ts";
import { answerSettled } from "./questions.ts";
import { quiet, type ObjectiveContext, type ObjectiveStep } from "./record.ts";

// Objective receipts
//
// What became of the texts that an objective sent, and what follows from it.

/** What a session says of a text that its objective sent it. */
export function receiptSeen(
  context: ObjectiveContext,
  receipt: MemberSeen["receipts"][number],
  at: number,
): ObjectiveStep {
  const over = settledSending(context, receipt);
  if (over === undefined) return quiet(context);
  const isThere = receipt.state === "delivered";
  return sendingOver(over.context, { sending: over.sending, isThere, at });
}

/** What follows from a text that arrived, or did not. */
export function sendingOver(
  context: ObjectiveContext,
  {
    sending: over,
    isThere,
    at,
  }: { sending: ObjectiveContext["sendings"][number]; isThere: boolean; at: number },
): ObjectiveStep {
  const isManagers = over.to === context.manager.sessionId;
  const deliveredAt = isThere && isManagers ? at : context.manager.deliveredAt;
  const known = { ...context, manager: { ...context.manager, deliveredAt } };
  switch (over.what) {
    case "items":
      if (!isThere) {
        const astray = { ...known, manager: { ...known.manager, astrayAt: at } };
        return quiet(wentAstray(astray, over.ref));
      }
      return quiet(withWork(arrived(known, over.ref)));
    case "poke":
      return quiet(pokeSettled(known, isThere));
    case "answer":
      return answerSettled(known, { id: over.question ?? "", isThere, at });
    case "word":
      break;
  }
  if (isThere) return quiet(known);
  const text = `Your message did not reach ${over.to}: it could not be typed into its terminal.`;
  return toManager(known, { from: "worker", text, at });
}

/** After the end nobody rests any more: what followed is known by then. */
function pokeSettled(context: ObjectiveContext, isThere: boolean): ObjectiveContext {
  const seen = pokeArrived(context, isThere);
  return context.end === null ? seen : pokesJudged(seen);
}

/** It was told something new: an end after that is no waste. */
function withWork(context: ObjectiveContext): ObjectiveContext {
  return { ...context, manager: { ...context.manager, hasWorked: true } };
}
