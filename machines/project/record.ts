import type { AgentConfig } from "../harness/agent-config.ts";
import { z } from "zod";
import { argument } from "../argument.ts";
import { MailUndeliverable } from "../children.ts";
import type { FailureCode } from "../failures.ts";
import { githubRepositoryOf } from "../forge/github.ts";
import { launchOf } from "../harness/harnesses.ts";
import { Token } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { EventOf } from "../message.ts";
import { Orchestrate, orchestratorPrompt, type Succession } from "./orchestrators.ts";
import { ProjectConfig, reviewingOf } from "./config.ts";
import { Command } from "../argument.ts";
import type { Seen } from "../recording.ts";

// Project record
//
// What is kept of one project, what it understands, and what a session that is asked of it will be. Pure.

// `<project>-<n>` must still be a token.
const LONGEST_ID = 48;
const MOST_NUMBER = 999_999_999;
const ACTIVE_LIMIT = 1_000;

const Empty = z.object({});
const Registration = z.object({
  root: z.string().min(1).max(4_096),
  scm: z.enum(["none", "local", "github"]),
  defaultBranch: z.string().min(1).max(256),
  origin: z.string().max(4_096).nullish(),
  config: ProjectConfig,
  /** The highest n that the repository has seen of each, from any data directory: the next is above it. */
  lastSession: z.number().int().nonnegative().max(MOST_NUMBER).optional(),
  lastObjective: z.number().int().nonnegative().max(MOST_NUMBER).optional(),
});

export const accepts = {
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
    branch: argument(256).optional(),
    title: z.string().max(1_000).optional(),
    objectiveId: Token.optional(),
    /** An objective names its sessions itself, and cuts one that depends on another from the branch of that. */
    sessionId: Token.optional(),
    baseRef: z.string().min(1).max(256).optional(),
  }),
  "project.objective": z.object({
    title: z.string().max(200).default(""),
    prompt: z.string().min(1).max(65_536),
    harness: z.string().min(1).max(64).optional(),
    command: Command.optional(),
  }),
  "project.orchestrate": Orchestrate,
  "session.ended": Empty,
  "session.restored": Empty,
  "mail.undeliverable": MailUndeliverable,
  "timer.succession": Empty,
};
export type ProjectEvent = EventOf<typeof accepts>;

export type ProjectContext = {
  readonly id: string;
  readonly root: string;
  readonly scm: "none" | "local" | "github";
  readonly defaultBranch: string;
  readonly origin: string | null;
  readonly config: ProjectConfig | null;
  /** The n of the next session id. */
  readonly nextSession: number;
  /** The n of the next objective id. */
  readonly nextObjective: number;
  /** Ids of sessions that still have a process or a worktree. */
  readonly activeSessions: readonly string[];
  /** Those of them that are orchestrators. */
  readonly orchestrators: readonly string[];
  /** The orchestrator that waits for the end of those before it. */
  readonly succession: Succession | null;
};
export type SeenBy = Seen<ProjectContext, ProjectEvent>;

export type Refusal = { readonly code: FailureCode; readonly message: string };

/** Why a project cannot be registered as asked; undefined when it can. */
export function registrationRefusal({ context, event }: SeenBy): Refusal | undefined {
  if (event.type !== "project.register") return undefined;
  const { scm, origin } = event.data;
  if (scm === "github" && githubRepositoryOf(origin ?? "") === undefined) {
    const seen = origin ?? "missing";
    return {
      code: "SCM_UNSUPPORTED",
      message: `register project ${context.id} with scm github: its remote origin is ${seen}, which names no repository of GitHub`,
    };
  }
  if (context.id.length <= LONGEST_ID) return undefined;
  return {
    code: "SHAPE_WRONG",
    message: `register project ${context.id}: its id has ${context.id.length} characters, at most ${LONGEST_ID}`,
  };
}

type Wish = {
  readonly kind: "worker" | "manager" | "orchestrator";
  readonly prompt: string;
  readonly harness?: string | undefined;
  readonly command?: Command | undefined;
  readonly branch?: string | undefined;
  readonly title?: string | undefined;
  readonly objectiveId?: string | undefined;
};

/** The session that is asked for; undefined when none is. */
export function wishOf({ context, event }: SeenBy): Wish | undefined {
  if (event.type === "project.spawn") return event.data;
  if (event.type !== "project.orchestrate") return undefined;
  const { clean: _, prompt, ...asked } = event.data;
  if (prompt !== undefined) return { kind: "orchestrator", prompt, ...asked };
  const { id } = context;
  // Lists would show the beginning of a prompt that nobody wrote.
  const title = `Orchestrator of ${id}`;
  return { kind: "orchestrator", prompt: orchestratorPrompt(id), title, ...asked };
}

/** The agent that a session is asked for with; what the project says of another harness is not meant for it. */
function agentOf({ config }: ProjectContext, { kind, harness, command }: Wish): AgentConfig {
  if (config === null) return { harness: harness ?? "", command };
  const configured = kind === "worker" ? config.worker : (config.manager ?? config.worker);
  if (harness !== undefined && harness !== configured.harness) return { harness, command };
  return { ...configured, command: command ?? configured.command };
}

/** Why no session can be started as asked; undefined when one can. */
export function spawnRefusal(seen: SeenBy): Refusal | undefined {
  const wish = wishOf(seen);
  if (wish === undefined) return undefined;
  const { id, activeSessions } = seen.context;
  if (activeSessions.length >= ACTIVE_LIMIT) {
    return {
      code: "LIMIT_REACHED",
      message: `start a session of ${id}: ${ACTIVE_LIMIT} are active`,
    };
  }
  const way = launchOf(agentOf(seen.context, wish));
  return way.type === "refused" ? way : undefined;
}

/** The next id, or the one that an objective gave. */
export function sessionIdOf({ context: { id, nextSession }, event }: SeenBy): string {
  return namedByObjective(event) ?? `${id}-${nextSession}`;
}

/** The id that an objective gave to a session of its own; undefined for anybody else's. */
export function namedByObjective(event: ProjectEvent): string | undefined {
  const isNamed = event.type === "project.spawn" && event.from?.startsWith("objective/") === true;
  return isNamed ? event.data.sessionId : undefined;
}

/** The `session.start` of the session that is asked for. */
export function startOf(seen: SeenBy): JsonObject {
  const { context } = seen;
  const { config } = context;
  const wish = wishOf(seen);
  if (config === null || wish === undefined) throw new Error("project: spawn was not guarded");
  const agent = agentOf(context, wish);
  const way = launchOf(agent);
  if (way.type === "refused") throw new Error("project: spawn was not guarded");
  const { kind, prompt, branch, title, objectiveId } = wish;
  const { harness, model, permissions } = agent;
  return {
    projectId: context.id,
    root: context.root,
    scm: context.scm,
    baseRef: baseRefOf(seen),
    branch: branch ?? `ao/${sessionIdOf(seen)}`,
    kind,
    harness,
    argv: way.argv,
    ...(model !== undefined && { model }),
    ...(permissions !== undefined && { permissions }),
    env: config.env,
    title: title ?? "",
    prompt,
    ...(objectiveId !== undefined && { objectiveId }),
    mergeOnGreen: config.mergeOnGreen === true,
    quotaPause: config.quotaPause !== false,
    reviewing: reviewingOf(config),
    restart: restartOf(seen, config.worker),
  };
}

function baseRefOf({ context, event }: SeenBy): string {
  const given = event.type === "project.spawn" ? event.data.baseRef : undefined;
  return (namedByObjective(event) === undefined ? undefined : given) ?? context.defaultBranch;
}

/** How its terminal is kept. The manager of an objective is replaced by that, with what was said meanwhile. */
function restartOf(seen: SeenBy, worker: ProjectConfig["worker"]): JsonObject {
  const { restart, intensity, periodMs, backoffMs, backoffMaxMs } = worker;
  const isReplaced = namedByObjective(seen.event) !== undefined && wishOf(seen)?.kind === "manager";
  const kept = isReplaced ? "temporary" : restart;
  return { restart: kept, intensity, periodMs, backoffMs, backoffMaxMs };
}

export function isClean({ event }: SeenBy): boolean {
  return event.type === "project.orchestrate" && event.data.clean;
}

/** The succession that an order to begin anew comes to. */
export function successionOf(seen: SeenBy): Succession {
  return {
    sessionId: sessionIdOf(seen),
    start: startOf(seen),
    ending: seen.context.orchestrators,
    since: seen.event.at,
  };
}
