import { assign, enqueueActions, setup } from "xstate";
import { z } from "zod";
import type { Birth, Kind, MachineState } from "../../machines/kind.ts";
import type { EventOf } from "../../machines/message.ts";
import {
  ActivityObservation,
  PullRequestFacts,
  ScmObservation,
} from "../../machines/observations.ts";
import type { Order } from "../../machines/order.ts";
import { typed } from "../../machines/typed.ts";

// Toy session
//
// As much of a session as the edge can see: it starts, hears of activity and pull requests, takes messages, ends. Its
// state and context look like the real one's.

const accepts = {
  "session.start": z.looseObject({ projectId: z.string(), prompt: z.string() }),
  "session.kill": z.object({ kind: z.enum(["manual", "cleanup", "error"]) }),
  "session.send": z.object({ text: z.string() }),
  "session.report": z.object({ summary: z.string(), outcome: z.string() }),
  "session.relaunch": z.object({}),
  "session.merge": z.object({}),
  "activity.observed": ActivityObservation,
  "scm.observed": ScmObservation,
};
type Heard = EventOf<typeof accepts>;

interface Context extends Record<string, unknown> {
  readonly axes: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly messages: readonly object[];
  readonly terminal: { readonly epoch: number; readonly state: string };
  readonly revision: number;
  readonly updatedAt: number;
}

const machine = setup({
  types: {
    context: typed<Context>(),
    events: typed<Heard>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  actions: {
    note: enqueueActions(({ context, event, enqueue }, change: Record<string, unknown>) => {
      const revision = context.revision + 1;
      enqueue.assign({ ...change, revision, updatedAt: event.at });
    }),
    keepMessage: assign(({ context, event }) => {
      const text = event.type === "session.send" ? event.data.text : "";
      const message = { id: event.id, text, state: "queued", at: event.at, attempts: 0 };
      return { messages: [...context.messages, message] };
    }),
    replyMessage: enqueueActions(({ event, enqueue }) => {
      enqueue.emit({ type: "reply", data: { messageId: event.id } });
    }),
    relaunch: assign(({ context: { terminal } }) => ({
      terminal: { state: "live", epoch: terminal.epoch + 1 },
    })),
    refuseEnded: enqueueActions(({ context, enqueue }) => {
      const message = `send to session ${String(context["id"])}: it was ended`;
      enqueue.emit({ type: "refuse", code: "SESSION_TERMINATED", message });
    }),
  },
}).createMachine({
  id: "session",
  description: "A session, as far as the edge can see.",
  type: "parallel",
  context: ({ input: { id, at } }) => ({
    id,
    axes: {
      lifecycle: { state: "not_started", reason: "spawn_requested", since: at },
      runtime: { state: "alive", reason: "process_running", since: at },
      activity: { state: "none", since: at, lastActivityAt: null, source: "none" },
      pr: { state: "none", reason: "not_created", since: at },
    },
    prs: [],
    messages: [],
    workspace: { state: "ready", path: "/nowhere", branch: null, dirty: false, unpushed: 0 },
    terminal: { epoch: 1, state: "live" },
    report: null,
    revision: 0,
    createdAt: at,
    updatedAt: at,
  }),
  on: {
    "session.start": { actions: assign(({ event }) => ({ ...event.data })) },
    "session.relaunch": { actions: "relaunch" },
    "session.merge": {
      actions: {
        type: "note",
        params: ({ context: { axes } }) => ({
          axes: { ...axes, pr: { ...axes["pr"], state: "merged", reason: "merged", number: 1 } },
        }),
      },
    },
    "session.report": {
      actions: {
        type: "note",
        params: ({ event }) => ({ report: { at: event.at, ...event.data } }),
      },
    },
    "scm.observed": {
      actions: { type: "note", params: ({ event }) => ({ prs: event.data.prs }) },
    },
  },
  states: {
    lifecycle: {
      initial: "not_started",
      states: {
        not_started: {
          description: "Waits for a first sign.",
          on: { "activity.observed": "working" },
        },
        working: { description: "At work." },
        terminated: {
          description: "Ended.",
          entry: {
            type: "note",
            params: ({ context }) => ({
              axes: {
                ...context.axes,
                lifecycle: { ...context.axes["lifecycle"], reason: "manually_killed" },
              },
            }),
          },
          on: { "session.kill": {}, "session.send": { actions: "refuseEnded" } },
        },
      },
      on: {
        "session.kill": ".terminated",
        "session.send": { actions: ["keepMessage", "replyMessage"] },
      },
    },
    activity: {
      initial: "none",
      states: { none: {}, active: {}, idle: {} },
      on: {
        "activity.observed": [
          {
            guard: ({ event }) => event.data.state === "active",
            target: ".active",
            actions: { type: "note", params: ({ context, event }) => seen(context, event.at) },
          },
          {
            target: ".idle",
            actions: { type: "note", params: ({ context, event }) => seen(context, event.at) },
          },
        ],
      },
    },
  },
});

function seen({ axes }: Context, at: number): Record<string, unknown> {
  return {
    axes: { ...axes, activity: { ...axes["activity"], lastActivityAt: at, source: "hook" } },
  };
}

/** A stand-in for `session/<id>`. */
export const toySession: Kind = {
  name: "session",
  description: "A session, as far as the edge can see",
  version: 1,
  machine,
  accepts,
  creates: ["session.start"],
  epochOf: (state) => contextOf(state).terminal.epoch,
  summarize: (state) => ({ projectId: String(contextOf(state)["projectId"]) }),
};

function contextOf(state: MachineState): Context {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a snapshot of this machine
  return state.context as Context;
}

/** A pull request as a forge tells it. */
export function pullFacts(change: Partial<PullRequestFacts> = {}): PullRequestFacts {
  return PullRequestFacts.parse({
    url: "https://forge.test/1",
    number: 1,
    title: "A change",
    state: "open",
    headSha: "a".repeat(40),
    headRef: "topic",
    baseRef: "main",
    ci: { state: "none" },
    reviewDecision: "none",
    comments: [],
    mergeable: true,
    updatedAt: 1,
    ...change,
  });
}
