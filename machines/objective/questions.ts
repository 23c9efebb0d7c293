import { addressOf } from "../ids.ts";
import { sending, toManager } from "./inbox.ts";
import {
  KEPT,
  quiet,
  chained,
  type AskedQuestion,
  type ObjectiveContext,
  type ObjectiveStep,
} from "./record.ts";
import type { MailOrder, Order } from "../order.ts";
import { snapshotText } from "./poke-text.ts";
import type { Cause } from "../supervision/supervision.ts";

// Objective questions
//
// What is asked of a person for an objective, and the way of the answer back.
//
//   Q1. A question blocks only its asker.
//   Q2. An answer to a manager goes to whichever manager there is; one to a worker goes to that worker, and to the
//       manager when the worker has ended.
//   Q3. At most one escalation is open; answering it changes state, by one of the options that its text explains.

const ESCALATION_OPTIONS = ["grant", "re-scope", "cancel"] as const;
type Decision =
  | { readonly type: "grant" | "rescope"; readonly text: string }
  | { readonly type: "cancel" };

/** A new question, told to a person. */
export function asked(
  context: ObjectiveContext,
  question: Pick<AskedQuestion, "asker" | "kind" | "text" | "options" | "at"> & {
    context?: string;
  },
): { readonly step: ObjectiveStep; readonly id: string } {
  const n = context.counts.questions + 1;
  const id = `${context.id}-q${n}`;
  const { context: about, ...told } = question;
  const entry: AskedQuestion = {
    ...told,
    id,
    text: told.text.slice(0, 2_000),
    state: "open",
    answer: null,
  };
  const open = context.questions.filter(({ state }) => state === "open");
  const past = context.questions.filter(({ state }) => state !== "open");
  const kept = new Set([...open, ...past.slice(-Math.max(0, KEPT.questions - open.length - 1))]);
  const questions = [...context.questions.filter((each) => kept.has(each)), entry];
  const data = {
    objectiveId: context.id,
    projectId: context.projectId,
    asker: question.asker,
    kind: question.kind,
    text: question.text,
    options: [...question.options],
    ...(about !== undefined && { context: about.slice(0, 16_384) }),
  };
  const orders: Order[] = [
    { type: "mail", to: addressOf("question", id), name: "question.open", data },
  ];
  const counts = { ...context.counts, questions: n };
  return { id, step: { context: { ...context, questions, counts }, orders } };
}

/** The budget is used up: one question with typed options, pushed to a person (Q3). */
export function escalated(
  context: ObjectiveContext,
  { cause, at }: { cause: Cause; at: number },
): ObjectiveStep {
  if (context.escalation !== null) return quiet(context);
  const { step, id } = asked(context, {
    asker: null,
    kind: "escalation",
    text: escalationText(context, cause),
    options: ESCALATION_OPTIONS,
    context: snapshotText(context),
    at,
  });
  return { ...step, context: { ...step.context, escalation: { questionId: id, cause, at } } };
}

const SAID: Readonly<Record<string, string>> = {
  crash: "its managers ended with errors",
  infra: "its managers lost their terminals",
  launch: "its managers could not be launched",
  no_progress: "its managers did nothing",
};

function escalationText({ id, title, lives }: ObjectiveContext, cause: Cause): string {
  const name = title === "" ? id : `${id} "${title}"`;
  return [
    `Objective ${name} is not done, and no further manager is started by itself: ${SAID[cause] ?? cause}` +
      ` (${lives.length} so far). It may be stuck. Look at it: ao objective show ${id}`,
    "Answer with one of:",
    "- grant: a new budget of managers; what follows a colon is given to the next one",
    "- re-scope: TEXT, what it should do instead; the next manager gets that as its goal's last word",
    "- cancel: the objective and everything it runs is ended",
  ].join("\n");
}

/** Why an answer to an escalation decides nothing; undefined when it decides. */
export function undecidedBy(answer: string): string | undefined {
  if (decisionOf(answer) !== undefined) return undefined;
  return `"${answer.slice(0, 200)}" is none of: grant, re-scope: TEXT, cancel`;
}

/**
 * What an answer to an escalation means: one of the options, in any case; else undefined. What follows a grant goes to the
 * next manager; "keep going" is one as well, and is such a word itself (orcha-296).
 */
export function decisionOf(answer: string): Decision | undefined {
  const said = answer.trim();
  if (said.toLowerCase() === "cancel") return { type: "cancel" };
  const scope = /^re-?scope\b[\s:]*([^\s:].*)$/is.exec(said)?.[1];
  if (scope !== undefined) return { type: "rescope", text: scope };
  const grant = /^(grant|keep going)(?:\s*[:,](.*))?$/is.exec(said);
  if (grant === null) return undefined;
  return {
    type: "grant",
    text: grant[1]?.length === "grant".length ? (grant[2] ?? "").trim() : said,
  };
}

/** The answer of a person, on its way to the asker (Q2). */
export function answered(
  context: ObjectiveContext,
  { id, answer, at }: { id: string; answer: string; at: number },
): ObjectiveStep {
  const question = context.questions.find((each) => each.id === id);
  if (question?.state !== "open") return quiet(context);
  const known = withQuestion(context, {
    ...question,
    state: "answered",
    answer: answer.slice(0, 2_000),
  });
  if (question.kind === "escalation") return quiet(known);
  const text = `Answer to your question ${id} ("${question.text.slice(0, 280)}"):\n${answer}`;
  const worker = known.workers.find((each) => each.id === question.asker);
  if (worker === undefined || worker.facts?.ended !== null) {
    const told =
      worker === undefined ? text : `${text}\n(It was asked by ${worker.id}, which has ended.)`;
    return chained(toManager(known, { from: "answer", text: told, at }), (so) => ({
      context: withQuestion(so, {
        ...question,
        state: "delivered",
        answer: answer.slice(0, 2_000),
      }),
      orders: [questionMail(id, "question.delivered")],
    }));
  }
  const { context: sent, order } = sending(known, { to: worker.id, what: "answer", text, at });
  return { context: { ...sent, sendings: named(sent, order.ref, id) }, orders: [order.mail] };
}

/** The receipt must find its question: the ref of an answer begins with it. */
function named(context: ObjectiveContext, ref: string, id: string): ObjectiveContext["sendings"] {
  return context.sendings.map((each) => (each.ref === ref ? { ...each, question: id } : each));
}

/** The answer to a worker was typed, or could not be: then the manager gets it (Q2). */
export function answerSettled(
  context: ObjectiveContext,
  { id, isThere, at }: { id: string; isThere: boolean; at: number },
): ObjectiveStep {
  const question = context.questions.find((each) => each.id === id);
  if (question?.state !== "answered") return quiet(context);
  const known = withQuestion(context, { ...question, state: "delivered" });
  const step: ObjectiveStep = { context: known, orders: [questionMail(id, "question.delivered")] };
  if (isThere) return step;
  const text =
    `The answer to question ${id} did not reach ${question.asker ?? "its asker"}:\n` +
    `${question.text}\n-> ${question.answer ?? ""}`;
  return chained(step, (so) => toManager(so, { from: "answer", text, at }));
}

/** The open questions that `isOver` names are closed: nobody needs the answer any more. */
export function closed(
  context: ObjectiveContext,
  isOver: (question: AskedQuestion) => boolean,
): ObjectiveStep {
  const over = context.questions.filter((each) => each.state === "open" && isOver(each));
  if (over.length === 0) return quiet(context);
  const questions = context.questions.map((each) =>
    over.includes(each) ? { ...each, state: "canceled" as const } : each,
  );
  const ids = over.map(({ id }) => id);
  const escalation =
    context.escalation !== null && ids.includes(context.escalation.questionId)
      ? null
      : context.escalation;
  return {
    context: { ...context, questions, escalation },
    orders: ids.map((id) => questionMail(id, "question.close")),
  };
}

function withQuestion(context: ObjectiveContext, question: AskedQuestion): ObjectiveContext {
  const questions = context.questions.map((each) => (each.id === question.id ? question : each));
  return { ...context, questions };
}

function questionMail(id: string, name: string): MailOrder {
  return { type: "mail", to: addressOf("question", id), name, data: {} };
}
