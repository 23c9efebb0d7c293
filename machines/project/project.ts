import { assertEvent, assign, setup } from "xstate";
import { mailTo } from "../children.ts";
import { githubRepositoryOf } from "../forge/github.ts";
import { addressOf, splitAddress } from "../ids.ts";
import type { Birth, Kind, MachineState } from "../kind.ts";
import { beginSuccessor, endPredecessors, withoutPredecessor } from "./orchestrators.ts";
import type { Order } from "../order.ts";
import {
  accepts,
  isClean,
  namedByObjective,
  registrationRefusal,
  sessionIdOf,
  spawnRefusal,
  startOf,
  successionOf,
  wishOf,
  type ProjectContext,
  type ProjectEvent,
  type Refusal,
  type SeenBy,
} from "./record.ts";
import { reviewingOrders } from "./reviewing.ts";
import { records } from "../recording.ts";
import { typed } from "../typed.ts";

// Project
//
// One repository and how its agents run. Hands out session ids; owns nothing of a session's life.
//
//   J1. Every command has one answer; a refused one changes nothing.
//   J2. A session id is given out once, also after the project was removed and registered again.
//   J3. A name is never burnt: one that was refused, or removed, can be registered.
//   J4. A project goes only when none of its sessions is active; one that could not be told to begin is not.

/** What the forge of the project needs to know, when it has one of its own. */
function forgeOrders({ context }: SeenBy, name: "forge.open" | "forge.configure"): Order[] {
  const { id, root, scm, defaultBranch, origin, config } = context;
  if (scm === "none" || config === null) return [];
  const github = scm === "github" ? githubRepositoryOf(origin ?? "") : undefined;
  const { checks, env } = config;
  const owesReview = config.reviewers.length > 0 || config.autoReview === true;
  return [
    {
      type: "mail",
      to: addressOf("forge", id),
      name,
      data: {
        projectId: id,
        root,
        defaultBranch,
        origin,
        ...(github !== undefined && { github }),
        checks,
        owesReview,
        env,
      },
    },
  ];
}

function endedOf({ event }: SeenBy): string | undefined {
  return event.from === undefined ? undefined : splitAddress(event.from).id;
}

/** Whether an active session says that nothing of it is left, or could not be told to begin. */
function isEnd(seen: SeenBy): boolean {
  const { event, context } = seen;
  const isTold =
    event.type === "session.ended" ||
    (event.type === "mail.undeliverable" && event.data.name === "session.start");
  return isTold && context.activeSessions.includes(endedOf(seen) ?? "");
}

/** Whether a session that had ended runs again. */
function isRestored({ event, context }: SeenBy): boolean {
  const { from } = event;
  if (event.type !== "session.restored" || from === undefined) return false;
  const { kind, id } = splitAddress(from);
  return kind === "session" && !context.activeSessions.includes(id);
}

function isLastBefore(seen: SeenBy): boolean {
  const { succession } = seen.context;
  return isEnd(seen) && succession !== null
    ? withoutPredecessor(succession, endedOf(seen) ?? "") === null
    : false;
}

function refuse({ code, message }: Refusal): Order[] {
  return [{ type: "refuse", code, message }];
}

/** Mail is refused to nobody's face: an objective is told by mail which of its sessions will not come. */
function refuseSession({ event }: SeenBy, refusal: Refusal): Order[] {
  const sessionId = namedByObjective(event);
  const { code, message } = refusal;
  return sessionId === undefined
    ? refuse(refusal)
    : [...refuse(refusal), ...mailTo(event.from, "member.refused", { sessionId, code, message })];
}

const machine = setup({
  types: {
    context: typed<ProjectContext>(),
    events: typed<ProjectEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  guards: {
    isRestored,
    isPossible: (seen) => registrationRefusal(seen) === undefined,
    isStartable: (seen) => spawnRefusal(seen) === undefined,
    isUnstartable: (seen) => spawnRefusal(seen) !== undefined,
    isBusy: ({ context }) => context.activeSessions.length > 0,
    isEnd,
    isLastBefore,
    isSucceeding: ({ context }) => context.succession !== null,
    hasPredecessors: (seen) => isClean(seen) && seen.context.orchestrators.length > 0,
  },
  actions: {
    noteRegistration: assign(({ context, event }) => {
      assertEvent(event, "project.register");
      const { lastSession = 0, lastObjective = 0, ...registered } = event.data;
      return {
        ...registered,
        origin: registered.origin ?? null,
        nextSession: Math.max(context.nextSession, lastSession + 1),
        nextObjective: Math.max(context.nextObjective, lastObjective + 1),
      };
    }),
    noteConfig: assign(({ event }) => {
      assertEvent(event, "project.configure");
      return { config: event.data.config };
    }),
    noteSession: assign((seen) => {
      const { nextSession, activeSessions, orchestrators } = seen.context;
      const id = sessionIdOf(seen);
      return {
        nextSession: nextSession + (namedByObjective(seen.event) === undefined ? 1 : 0),
        activeSessions: [...activeSessions, id],
        orchestrators:
          wishOf(seen)?.kind === "orchestrator" ? [...orchestrators, id] : orchestrators,
      };
    }),
    rememberSession: assign((seen) => ({
      activeSessions: [...seen.context.activeSessions, endedOf(seen) ?? ""],
    })),
    forgetSession: assign((seen) => {
      const { activeSessions, orchestrators, succession } = seen.context;
      const ended = endedOf(seen) ?? "";
      return {
        activeSessions: activeSessions.filter((id) => id !== ended),
        orchestrators: orchestrators.filter((id) => id !== ended),
        succession: succession && withoutPredecessor(succession, ended),
      };
    }),
    noteObjective: assign(({ context }) => ({ nextObjective: context.nextObjective + 1 })),
    /** Before the id is used up: mail and answer name the same objective. */
    startObjective: records((seen: SeenBy) => {
      assertEvent(seen.event, "project.objective");
      const objectiveId = `${seen.context.id}-o${seen.context.nextObjective}`;
      const data = { projectId: seen.context.id, ...seen.event.data };
      return [
        { type: "mail", to: addressOf("objective", objectiveId), name: "objective.start", data },
        { type: "reply", data: { objectiveId } },
      ];
    }),
    noteSuccession: assign((seen) => ({ succession: successionOf(seen) })),
    /** Before the config is replaced. */
    tellSessions: records(reviewingOrders),
    openForge: records((seen: SeenBy) => forgeOrders(seen, "forge.open")),
    configureForge: records((seen: SeenBy) => forgeOrders(seen, "forge.configure")),
    closeForge: records(({ context: { id, scm } }: SeenBy) =>
      scm === "none"
        ? []
        : [{ type: "mail", to: addressOf("forge", id), name: "forge.close", data: {} }],
    ),
    /** Before the id is used up: mail and answer name the same session. */
    startSession: records((seen: SeenBy) => {
      const sessionId = sessionIdOf(seen);
      return [
        {
          type: "mail",
          to: addressOf("session", sessionId),
          name: "session.start",
          data: startOf(seen),
        },
        { type: "reply", data: { sessionId } },
      ];
    }),
    endPredecessors: records(({ context: { succession }, event: { at } }: SeenBy) =>
      succession === null ? [] : endPredecessors(succession, at),
    ),
    replySuccession: records(({ context: { succession } }: SeenBy) =>
      succession === null ? [] : [{ type: "reply", data: { sessionId: succession.sessionId } }],
    ),
    beginSuccessor: records(({ context: { succession } }: SeenBy) =>
      succession === null ? [] : beginSuccessor(succession),
    ),
    reply: records(({ context }: SeenBy) => [{ type: "reply", data: { projectId: context.id } }]),
    refuseRegistration: records((seen: SeenBy) => {
      const refusal = registrationRefusal(seen);
      return refusal === undefined ? [] : refuse(refusal);
    }),
    refuseSpawn: records((seen: SeenBy) => {
      const refusal = spawnRefusal(seen);
      return refusal === undefined ? [] : refuseSession(seen, refusal);
    }),
    refuseTwice: records(({ context: { id, root } }: SeenBy) =>
      refuse({
        code: "ALREADY_EXISTS",
        message: `register project ${id}: it is registered, for ${root}`,
      }),
    ),
    refusePaused: records((seen: SeenBy) => {
      const tried = seen.event.type === "project.objective" ? "an objective" : "a session";
      return refuseSession(seen, {
        code: "PROJECT_PAUSED",
        message: `start ${tried} of ${seen.context.id}: the project is paused`,
      });
    }),
    refuseBusy: records(({ context: { id, activeSessions } }: SeenBy) =>
      refuse({
        code: "PROJECT_BUSY",
        message: `remove project ${id}: ${activeSessions.length} sessions are active, first ${activeSessions[0]}`,
      }),
    ),
    refuseUnknown: records((seen: SeenBy) =>
      refuseSession(seen, {
        code: "ACTOR_UNKNOWN",
        message: `give ${seen.event.type} to project ${seen.context.id}: nothing is registered under this name`,
      }),
    ),
  },
}).createMachine({
  id: "project",
  description: "One repository, and how agents are run on it.",
  context: ({ input: { id } }) => ({
    id,
    root: "",
    scm: "none",
    defaultBranch: "",
    origin: null,
    config: null,
    nextSession: 1,
    nextObjective: 1,
    activeSessions: [],
    orchestrators: [],
    succession: null,
  }),
  initial: "vacant",
  on: {
    "session.ended": [
      { guard: "isLastBefore", actions: ["beginSuccessor", "forgetSession"] },
      { guard: "isEnd", actions: "forgetSession" },
    ],
    "mail.undeliverable": [
      { guard: "isLastBefore", actions: ["beginSuccessor", "forgetSession"] },
      { guard: "isEnd", actions: "forgetSession" },
    ],
    "session.restored": { guard: "isRestored", actions: "rememberSession" },
    "timer.succession": { guard: "isSucceeding", actions: "endPredecessors" },
    "project.pause": { actions: "refuseUnknown" },
    "project.resume": { actions: "refuseUnknown" },
    "project.configure": { actions: "refuseUnknown" },
    "project.spawn": { actions: "refuseUnknown" },
    "project.objective": { actions: "refuseUnknown" },
    "project.orchestrate": { actions: "refuseUnknown" },
    "project.remove": { actions: "refuseUnknown" },
  },
  states: {
    vacant: {
      description: "Nothing is registered under this name yet.",
      on: {
        "project.register": [
          {
            guard: "isPossible",
            target: "registered",
            actions: ["noteRegistration", "openForge", "reply"],
          },
          { actions: "refuseRegistration" },
        ],
      },
    },
    registered: {
      description: "Sessions can be started.",
      on: {
        "project.register": { actions: "refuseTwice" },
        "project.configure": { actions: ["tellSessions", "noteConfig", "configureForge", "reply"] },
        "project.spawn": [
          { guard: "isStartable", actions: ["startSession", "noteSession"] },
          { actions: "refuseSpawn" },
        ],
        "project.objective": { actions: ["startObjective", "noteObjective"] },
        "project.orchestrate": [
          { guard: "isSucceeding", actions: "replySuccession" },
          { guard: "isUnstartable", actions: "refuseSpawn" },
          {
            guard: "hasPredecessors",
            actions: ["noteSuccession", "noteSession", "endPredecessors", "replySuccession"],
          },
          { actions: ["startSession", "noteSession"] },
        ],
        "project.pause": { target: "paused", actions: "reply" },
        "project.resume": { actions: "reply" },
        "project.remove": [
          { guard: "isBusy", actions: "refuseBusy" },
          { target: "removed", actions: ["closeForge", "reply"] },
        ],
      },
    },
    paused: {
      description: "Sessions go on; no new one is started.",
      on: {
        "project.register": { actions: "refuseTwice" },
        "project.configure": { actions: ["tellSessions", "noteConfig", "configureForge", "reply"] },
        "project.spawn": { actions: "refusePaused" },
        "project.objective": { actions: "refusePaused" },
        "project.orchestrate": { actions: "refusePaused" },
        "project.pause": { actions: "reply" },
        "project.resume": { target: "registered", actions: "reply" },
        "project.remove": [
          { guard: "isBusy", actions: "refuseBusy" },
          { target: "removed", actions: ["closeForge", "reply"] },
        ],
      },
    },
    removed: {
      description:
        "The project is gone; its repository stays, and its name can be registered again.",
      on: {
        "project.remove": { actions: "reply" },
        "project.register": [
          {
            guard: "isPossible",
            target: "registered",
            actions: ["noteRegistration", "openForge", "reply"],
          },
          { actions: "refuseRegistration" },
        ],
      },
    },
  },
});

function contextOf(state: MachineState): ProjectContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host hands over snapshots of this machine only
  return state.context as ProjectContext;
}

/** `project/<id>`: one repository and its configuration. */
export const project: Kind = {
  name: "project",
  description: "A repository, and how agents are run on it",
  version: 2,
  migrations: {
    1: (state) => ({
      ...state,
      context: { ...contextOf(state), nextObjective: 1, orchestrators: [], succession: null },
    }),
  },
  machine,
  accepts,
  creates: ["project.register"],
  summarize: (state) => {
    const { root, scm, activeSessions } = contextOf(state);
    return { root, scm, activeSessions: activeSessions.length };
  },
};
