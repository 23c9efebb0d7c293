import type { FastifyReply } from "fastify";
import { z } from "zod";
import { argument } from "../machines/argument.ts";
import { KINDS, Token } from "../machines/ids.ts";
import { said } from "../machines/objective/protocol.ts";
import { PullRequestFacts } from "../machines/observations.ts";
import { ProjectConfig } from "../machines/project/config.ts";
import { Command } from "../machines/argument.ts";

// What follows `::` would be a program, and what begins with a dash an option.
const RemoteUrl = z
  .string()
  .max(4_096)
  .regex(
    /^(?:(?:https?|ssh|git|file):\/\/|(?:[\w.-]+@)?[A-Za-z0-9][\w.-]*:(?![:/]{2}))[^\s]+$/,
    "expected a URL of https, http, ssh, git or file, or host:path",
  );

export const ProjectBody = z.strictObject({
  id: Token.optional(),
  /** A folder of the person's repository; a bare one is taken for a URL. */
  path: z.string().min(1).max(4_096).optional(),
  /** As git takes it: https, http, ssh, git or file, or `[user@]host:path`. The repository is mirrored in the home. */
  url: RemoteUrl.optional(),
  scm: z.enum(["none", "local", "github"]).default("none"),
  defaultBranch: z.string().min(1).max(256).optional(),
  config: ProjectConfig.prefault({}),
});

export const ProjectView = z.object({
  id: Token,
  state: z.string(),
  root: z.string(),
  scm: z.string(),
  defaultBranch: z.string(),
  origin: z.string().optional(),
  config: z.unknown(),
  createdAt: z.number(),
  updatedAt: z.number(),
});

/** A `command` without a `harness` is run as it stands. */
export const SpawnBody = z.strictObject({
  projectId: Token,
  kind: z.enum(["worker", "manager", "orchestrator"]).default("worker"),
  prompt: said(900_000),
  harness: z.string().min(1).max(64).optional(),
  command: Command.optional(),
  branch: argument(256).optional(),
  title: z.string().max(1_000).optional(),
  objectiveId: Token.optional(),
});

export const PullView = PullRequestFacts.extend({
  author: z.string(),
  session: z.string().optional(),
  /** A merge was ordered and has not ended. */
  merging: z.boolean(),
  mergeSha: z.string().nullable(),
  /** What could not be done with it last. */
  trouble: z.object({ at: z.number(), code: z.string(), message: z.string() }).nullable(),
});

export const Id = z.object({ id: Token });
export const KindAndId = z.object({ kind: z.enum(KINDS), id: Token });
/** A body that may be left out. */
export const Empty = z.strictObject({}).nullish();
export const Accepted = z.object({ accepted: z.literal(true) });

/** A dotted path of states, or one name on it. */
export const StateName = z.string().max(128);
/** The query of a route that takes none. */
export const NoQuery = z.strictObject({});

/** A whole number in a path, a query or a header: digits. What is left empty is none, and not 0. */
export function whole(least: number, most?: number) {
  const number = z.coerce.number().int().min(least);
  return z.preprocess(digits, most === undefined ? number : number.max(most));
}

function digits(text: unknown): unknown {
  return typeof text === "string" && !/^-?\d+$/.test(text) ? Number.NaN : text;
}

/** `after` and `limit` of every list; an unknown key is refused. */
export function page<After extends z.ZodType>(after: After, most: number) {
  return z.strictObject({
    after: after.optional(),
    limit: whole(1, most).default(Math.min(100, most)),
  });
}

/**
 * Answers with what was just made for it, as it is. Else each answer is parsed by its schema, which for a large one takes
 * longer than making it.
 */
export function sendMade<Reply extends FastifyReply>(
  reply: Reply,
  answer: Parameters<Reply["send"]>[0],
): ReturnType<Reply["send"]> {
  return sendText(reply, JSON.stringify(answer));
}

/** The same with an answer that was written already, as JSON. */
export function sendText<Reply extends FastifyReply>(
  reply: Reply,
  text: string,
): ReturnType<Reply["send"]> {
  const json = "application/json; charset=utf-8";
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what its own `send` returns
  return reply.type(json).serializer(String).send(text) as ReturnType<Reply["send"]>;
}
