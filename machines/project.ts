import { assertEvent, assign, setup } from "xstate";
import { z } from "zod";
import { MailUndeliverable } from "./children.ts";
import type { FailureCode } from "./failures.ts";
import { launchOf, type Launch } from "./harnesses.ts";
import { addressOf, splitAddress, Token } from "./ids.ts";
import type { Birth, Kind, MachineState } from "./kind.ts";
import type { EventOf } from "./message.ts";
import type { Order } from "./order.ts";
import { type AgentConfig, Command, ProjectConfig } from "./project-config.ts";
import { records, type Seen } from "./recording.ts";
import { typed } from "./typed.ts";

// Project
//
// One repository and how its agents run. Hands out session ids; owns nothing of a session's life.
//
//   J1. Every command has one answer; a refused one changes nothing.
//   J2. A session id is given out once, also after the project was removed and registered again.
//   J3. A name is never burnt: one that was refused, or removed, can be registered.
//   J4. A project goes only when none of its sessions is active; one that could not be told to begin is not.

// `<project>-<n>` must still be a token.
const LONGEST_ID = 48;
const ACTIVE_LIMIT = 1_000;

const Empty = z.object({});
const Registration = z.object({
  root: z.string().min(1).max(4_096),
  scm: z.enum(["none", "local", "github"]),
  defaultBranch: z.string().min(1).max(256),
  origin: z.string().max(4_096).nullish(),
  config: ProjectConfig,
});

const accepts = {
  "project.register": Registration,
  "project.configure": z.object({ config: ProjectConfig }),
  "project.pause": Empty,
  "project.resume": Empty,
  "project.remove": Empty,
  "project.spawn": z.object({
    kind: z.enum(["worker", "manager", "orchestrator"]).default("worker"),
    prompt: z.string().max(1_048_576),
    harness: z.string().min(1).max(64).optional(),
    command: Command.optional(),
    branch: z.string().min(1).max(256).optional(),
    title: z.string().max(1_000).optional(),
    objectiveId: Token.optional(),
  }),
  "session.ended": Empty,
  "mail.undeliverable": MailUndeliverable,
};
type ProjectEvent = EventOf<typeof accepts>;

export type ProjectContext = {
  readonly id: string;
  readonly root: string;
  readonly scm: "none" | "local" | "github";
  readonly defaultBranch: string;
  readonly origin: string | null;
  readonly config: ProjectConfig | null;
  /** The n of the next session id. */
  readonly nextSession: number;
  /** Ids of sessions that still have a process or a worktree. */
  readonly activeSessions: readonly string[];
};
type SeenBy = Seen<ProjectContext, ProjectEvent>;

type Refusal = { readonly code: FailureCode; readonly message: string };

/** Why a project cannot be registered as asked; undefined when it can. */
function registrationRefusal({ context, event }: SeenBy): Refusal | undefined {
  if (event.type !== "project.register") return undefined;
  if (event.data.scm === "github") {
    return {
      code: "SCM_UNSUPPORTED",
      message: `register project ${context.id} with scm github: known are none, local`,
    };
  }
  if (context.id.length <= LONGEST_ID) return undefined;
  return {
    code: "SHAPE_WRONG",
    message: `register project ${context.id}: its id has ${context.id.length} characters, at most ${LONGEST_ID}`,
  };
}

/** The agent that a spawn asks for; what the project says of another harness is not meant for it. */
function agent({ context: { config }, event }: SeenBy): AgentConfig {
  assertEvent(event, "project.spawn");
  const { kind, harness, command } = event.data;
  if (config === null) return { harness: harness ?? "", command };
  const configured = kind === "worker" ? config.worker : (config.manager ?? config.worker);
  if (harness !== undefined && harness !== configured.harness) return { harness, command };
  return { ...configured, command: command ?? configured.command };
}

function launch(seen: SeenBy): Launch {
  return launchOf(agent(seen));
}

/** Why no session can be started as asked; undefined when one can. */
function spawnRefusal(seen: SeenBy): Refusal | undefined {
  if (seen.event.type !== "project.spawn") return undefined;
  const { id, activeSessions } = seen.context;
  if (activeSessions.length >= ACTIVE_LIMIT) {
    return {
      code: "LIMIT_REACHED",
      message: `start a session of ${id}: ${ACTIVE_LIMIT} are active`,
    };
  }
  const way = launch(seen);
  return way.type === "refused" ? way : undefined;
}

function sessionIdOf({ id, nextSession }: ProjectContext): string {
  return `${id}-${nextSession}`;
}

function startOrder(seen: SeenBy): Order {
  assertEvent(seen.event, "project.spawn");
  const { context, event } = seen;
  const { config } = context;
  const way = launch(seen);
  if (config === null || way.type === "refused") throw new Error("project: spawn was not guarded");
  const sessionId = sessionIdOf(context);
  const { kind, prompt, branch, title, objectiveId } = event.data;
  const { harness, model, permissions } = agent(seen);
  const { restart, intensity, periodMs, backoffMs, backoffMaxMs } = config.worker;
  return {
    type: "mail",
    to: addressOf("session", sessionId),
    name: "session.start",
    data: {
      projectId: context.id,
      root: context.root,
      scm: context.scm,
      baseRef: context.defaultBranch,
      branch: branch ?? `ao/${sessionId}`,
      kind,
      harness,
      argv: way.argv,
      ...(model !== undefined && { model }),
      ...(permissions !== undefined && { permissions }),
      env: config.env,
      title: title ?? "",
      prompt,
      ...(objectiveId !== undefined && { objectiveId }),
      restart: { restart, intensity, periodMs, backoffMs, backoffMaxMs },
    },
  };
}

/** What the forge of the project needs to know, when it has one of its own. */
function forgeOrders({ context }: SeenBy, name: "forge.open" | "forge.configure"): Order[] {
  const { id, root, scm, defaultBranch, origin, config } = context;
  if (scm !== "local" || config === null) return [];
  const { checks, env } = config;
  return [
    {
      type: "mail",
      to: addressOf("forge", id),
      name,
      data: { projectId: id, root, defaultBranch, origin, checks, env },
    },
  ];
}

function endedOf({ event }: SeenBy): string | undefined {
  return event.from === undefined ? undefined : splitAddress(event.from).id;
}

function refuse(refusal: Refusal): Order[] {
  return [{ type: "refuse", ...refusal }];
}

const machine = setup({
  types: {
    context: typed<ProjectContext>(),
    events: typed<ProjectEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  guards: {
    isPossible: (seen) => registrationRefusal(seen) === undefined,
    isStartable: (seen) => spawnRefusal(seen) === undefined,
    isBusy: ({ context }) => context.activeSessions.length > 0,
    isUnstarted: (seen) =>
      seen.event.type === "mail.undeliverable" &&
      seen.event.data.name === "session.start" &&
      seen.context.activeSessions.includes(endedOf(seen) ?? ""),
    isActive: (seen) => seen.context.activeSessions.includes(endedOf(seen) ?? ""),
  },
  actions: {
    noteRegistration: assign(({ event }) => {
      assertEvent(event, "project.register");
      return { ...event.data, origin: event.data.origin ?? null };
    }),
    noteConfig: assign(({ event }) => {
      assertEvent(event, "project.configure");
      return { config: event.data.config };
    }),
    noteSession: assign(({ context }) => ({
      nextSession: context.nextSession + 1,
      activeSessions: [...context.activeSessions, sessionIdOf(context)],
    })),
    forgetSession: assign((seen) => ({
      activeSessions: seen.context.activeSessions.filter((id) => id !== endedOf(seen)),
    })),
    openForge: records((seen: SeenBy) => forgeOrders(seen, "forge.open")),
    configureForge: records((seen: SeenBy) => forgeOrders(seen, "forge.configure")),
    closeForge: records(({ context: { id, scm } }: SeenBy) =>
      scm === "local"
        ? [{ type: "mail", to: addressOf("forge", id), name: "forge.close", data: {} }]
        : [],
    ),
    /** Before the id is used up: mail and answer name the same session. */
    startSession: records((seen: SeenBy) => [
      startOrder(seen),
      { type: "reply", data: { sessionId: sessionIdOf(seen.context) } },
    ]),
    reply: records(({ context }: SeenBy) => [{ type: "reply", data: { projectId: context.id } }]),
    refuseRegistration: records((seen: SeenBy) => {
      const refusal = registrationRefusal(seen);
      return refusal === undefined ? [] : refuse(refusal);
    }),
    refuseSpawn: records((seen: SeenBy) => {
      const refusal = spawnRefusal(seen);
      return refusal === undefined ? [] : refuse({ code: refusal.code, message: refusal.message });
    }),
    refuseTwice: records(({ context: { id, root } }: SeenBy) =>
      refuse({
        code: "ALREADY_EXISTS",
        message: `register project ${id}: it is registered, for ${root}`,
      }),
    ),
    refusePaused: records(({ context: { id } }: SeenBy) =>
      refuse({
        code: "PROJECT_PAUSED",
        message: `start a session of ${id}: the project is paused`,
      }),
    ),
    refuseBusy: records(({ context: { id, activeSessions } }: SeenBy) =>
      refuse({
        code: "PROJECT_BUSY",
        message: `remove project ${id}: ${activeSessions.length} sessions are active, first ${activeSessions[0]}`,
      }),
    ),
    refuseUnknown: records(({ context: { id }, event }: SeenBy) =>
      refuse({
        code: "ACTOR_UNKNOWN",
        message: `give ${event.type} to project ${id}: nothing is registered under this name`,
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
    activeSessions: [],
  }),
  initial: "vacant",
  on: {
    "session.ended": { guard: "isActive", actions: "forgetSession" },
    "mail.undeliverable": { guard: "isUnstarted", actions: "forgetSession" },
    "project.pause": { actions: "refuseUnknown" },
    "project.resume": { actions: "refuseUnknown" },
    "project.configure": { actions: "refuseUnknown" },
    "project.spawn": { actions: "refuseUnknown" },
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
        "project.configure": { actions: ["noteConfig", "configureForge", "reply"] },
        "project.spawn": [
          { guard: "isStartable", actions: ["startSession", "noteSession"] },
          { actions: "refuseSpawn" },
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
        "project.configure": { actions: ["noteConfig", "configureForge", "reply"] },
        "project.spawn": { actions: "refusePaused" },
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
  version: 1,
  machine,
  accepts,
  creates: ["project.register"],
  summarize: (state) => {
    const { root, scm, activeSessions } = contextOf(state);
    return { root, scm, activeSessions: activeSessions.length };
  },
};
