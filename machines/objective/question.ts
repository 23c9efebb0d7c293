import { assertEvent, assign, setup } from "xstate";
import { z } from "zod";
import { mailTo } from "../children.ts";
import { EffectFailure, effectDone } from "../effects.ts";
import type { FailureCode } from "../failures.ts";
import { addressOf, Token } from "../ids.ts";
import type { Birth, Kind, MachineState } from "../kind.ts";
import type { EventOf } from "../message.ts";
import { undecidedBy } from "./questions.ts";
import { tellOrder } from "../notices.ts";
import type { Order } from "../order.ts";
import { records, type Seen } from "../recording.ts";
import { typed } from "../typed.ts";

// Question
//
// One question to a person: asked once, answered once, and known to have arrived.
//
//   Q1. The first answer stands; another one is refused, the same one again is not.
//   Q2. It is pushed to a person as it opens.
//   Q4. An answer to an escalation that is none of its options is refused, and the question stays open.
//   Q3. One that nobody needs an answer to any more is closed by its objective, and takes none.

const accepts = {
  "question.open": z.object({
    objectiveId: Token,
    projectId: Token,
    asker: z.string().nullable().default(null),
    kind: z.enum(["ask", "escalation"]).default("ask"),
    text: z.string().max(8_192),
    options: z.array(z.string().max(300)).max(16).default([]),
    context: z.string().max(16_384).default(""),
  }),
  "question.answer": z.object({ answer: z.string().trim().min(1).max(8_192) }),
  "question.dismiss": z.object({}),
  "question.delivered": z.object({}),
  "question.close": z.object({}),
  "notifyPerson.done": effectDone("notifyPerson"),
  "notifyPerson.failed": EffectFailure,
};
type QuestionEvent = EventOf<typeof accepts>;

export type QuestionContext = {
  readonly id: string;
  readonly objectiveId: string;
  readonly projectId: string;
  /** The session that asked; null when it is the objective itself. */
  readonly asker: string | null;
  readonly kind: "ask" | "escalation";
  readonly text: string;
  readonly options: readonly string[];
  /** How the objective stood when it was asked. */
  readonly context: string;
  readonly answer: string | null;
  /** Milliseconds since 1970, as the next two. */
  readonly askedAt: number;
  readonly answeredAt: number | null;
  readonly deliveredAt: number | null;
  /** The ways in which a person was told of it. */
  readonly told: readonly string[];
  /** Why nobody could be told. */
  readonly trouble: string | null;
};
type SeenBy = Seen<QuestionContext, QuestionEvent>;

function refuse(code: FailureCode, message: string): Order[] {
  return [{ type: "refuse", code, message }];
}

/** Tells a person that there is something to decide. */
function notice(id: string, event: Extract<QuestionEvent, { type: "question.open" }>): Order {
  const { objectiveId, projectId, asker, kind, text } = event.data;
  const data = {
    noticeId: id,
    sessionId: asker ?? objectiveId,
    objectiveId,
    projectId,
    type: kind === "escalation" ? "escalated" : "question",
    priority: "urgent",
    title:
      kind === "escalation"
        ? `Objective ${objectiveId} needs a decision`
        : `${asker ?? objectiveId} asks`,
    text: text.slice(0, 500),
    about: id,
    at: event.at,
  };
  return tellOrder(data);
}

const machine = setup({
  types: {
    context: typed<QuestionContext>(),
    events: typed<QuestionEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  guards: {
    isUnknown: ({ context }) => context.objectiveId === "",
    decidesNothing: ({ context, event }) =>
      event.type === "question.answer" &&
      context.kind === "escalation" &&
      undecidedBy(event.data.answer) !== undefined,
    isSameAnswer: ({ context, event }) =>
      event.type === "question.answer" && event.data.answer === context.answer,
  },
  actions: {
    noteQuestion: assign(({ event }) => {
      assertEvent(event, "question.open");
      return { ...event.data, askedAt: event.at };
    }),
    noteAnswer: assign(({ event }) => {
      assertEvent(event, "question.answer");
      return { answer: event.data.answer, answeredAt: event.at };
    }),
    noteTold: assign(({ event }) =>
      event.type === "notifyPerson.done"
        ? { told: event.data.result.ways, trouble: null }
        : { trouble: event.type === "notifyPerson.failed" ? event.data.message : null },
    ),
    noteDelivery: assign(({ event }) => ({ deliveredAt: event.at })),
    notifyPerson: records(({ context, event }: SeenBy) => {
      assertEvent(event, "question.open");
      return [notice(context.id, event)];
    }),
    tellAnswer: records(({ context: { objectiveId }, event }: SeenBy) => {
      assertEvent(event, "question.answer");
      const { answer } = event.data;
      return mailTo(addressOf("objective", objectiveId), "question.answered", { answer });
    }),
    tellDismissal: records(({ context: { objectiveId } }: SeenBy) =>
      mailTo(addressOf("objective", objectiveId), "question.canceled", {}),
    ),
    reply: records(({ context: { id } }: SeenBy) => [{ type: "reply", data: { questionId: id } }]),
    refuseUndecided: records(({ context: { id }, event }: SeenBy) => {
      assertEvent(event, "question.answer");
      const why = undecidedBy(event.data.answer) ?? "it decides nothing";
      return refuse("SHAPE_WRONG", `answer question ${id}: ${why}`);
    }),
    refuseEnded: records(({ context: { id, answer } }: SeenBy) =>
      refuse(
        "QUESTION_ENDED",
        `answer question ${id}: ${answer === null ? "it was canceled" : `it was answered: ${answer.slice(0, 200)}`}`,
      ),
    ),
  },
}).createMachine({
  id: "question",
  description: "A question to a person, and the way of its answer back.",
  context: ({ input: { id, at } }) => ({
    id,
    objectiveId: "",
    projectId: "",
    asker: null,
    kind: "ask",
    text: "",
    options: [],
    context: "",
    answer: null,
    askedAt: at,
    answeredAt: null,
    deliveredAt: null,
    told: [],
    trouble: null,
  }),
  initial: "open",
  on: {
    "notifyPerson.done": { actions: "noteTold" },
    "notifyPerson.failed": { actions: "noteTold" },
  },
  states: {
    open: {
      description: "It waits for a person.",
      on: {
        "question.open": { guard: "isUnknown", actions: ["noteQuestion", "notifyPerson"] },
        "question.answer": [
          { guard: "decidesNothing", actions: "refuseUndecided" },
          { target: "answered", actions: ["noteAnswer", "tellAnswer", "reply"] },
        ],
        "question.dismiss": { target: "canceled", actions: ["tellDismissal", "reply"] },
        "question.close": { target: "canceled" },
      },
    },
    answered: {
      description: "The answer is on its way to whoever asked.",
      on: {
        "question.answer": [
          { guard: "isSameAnswer", actions: "reply" },
          { actions: "refuseEnded" },
        ],
        "question.dismiss": { actions: "refuseEnded" },
        "question.delivered": { target: "delivered", actions: "noteDelivery" },
      },
    },
    delivered: {
      description: "Whoever asked has the answer.",
      on: {
        "question.answer": [
          { guard: "isSameAnswer", actions: "reply" },
          { actions: "refuseEnded" },
        ],
        "question.dismiss": { actions: "refuseEnded" },
      },
    },
    canceled: {
      description: "Nobody needs an answer any more.",
      on: {
        "question.answer": { actions: "refuseEnded" },
        "question.dismiss": { actions: "reply" },
      },
    },
  },
});

function contextOf(state: MachineState): QuestionContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host hands over snapshots of this machine only
  return state.context as QuestionContext;
}

/** `question/<id>`: something a person must decide. */
export const question: Kind = {
  name: "question",
  description: "A question to a person",
  version: 2,
  // An answer may be refused now; what is kept is the same.
  migrations: { 1: (state) => state },
  machine,
  accepts,
  creates: ["question.open"],
  parentOf: (state) => addressOf("objective", contextOf(state).objectiveId),
  summarize: (state) => {
    const { objectiveId, projectId, asker, kind, text, askedAt } = contextOf(state);
    return { objectiveId, projectId, asker, kind, text: text.slice(0, 200), askedAt };
  },
};
