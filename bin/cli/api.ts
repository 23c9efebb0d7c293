import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "../../machines/failures.ts";
import { agentOf, client, type Method, type RequestOptions } from "./client.ts";

// An agent that is told "the daemon is down" does not try again a moment later, as a person would: its work would stop
// for good. A restart takes a second or two, a boot with a large store several.
const AGENT_WAITS_MS = 30_000;
const ASK_AGAIN_MS = 250;
const AWAY: ReadonlySet<string> = new Set(["DAEMON_DOWN", "NOT_READY", "BUS_DOWN"]);

/**
 * The daemon's answer, in the shape that its OpenAPI document promises. Fails as `client` does; inside an agent's
 * terminal only after half a minute without a daemon, and a write that is asked again is the same one.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows the route
export async function ask<Answer>(
  method: Method,
  path: string,
  options: RequestOptions = {},
): Promise<Answer> {
  const told =
    agentOf(process.env) === undefined
      ? await once(method, path, options)
      : await untilThere(method, path, options);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- daemon and command line are of one version
  return told as Answer;
}

/** The answer to a question as things stand, for who looks again by itself: waits for no daemon. Fails as `client` does. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows the route
export async function look<Answer>(path: string, signal: AbortSignal): Promise<Answer> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- daemon and command line are of one version
  return (await once("GET", path, { signal })) as Answer;
}

async function once(method: Method, path: string, options: RequestOptions): Promise<unknown> {
  return client(process.env).request(method, path, options);
}

async function untilThere(method: Method, path: string, options: RequestOptions): Promise<unknown> {
  const keyed = method === "GET" ? options : { ...options, key: options.key ?? randomUUID() };
  const deadline = Date.now() + AGENT_WAITS_MS;
  for (let hasSaid = false; ; hasSaid = true) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      return await once(method, path, keyed);
    } catch (error) {
      const isAway = error instanceof Failure && AWAY.has(error.code);
      if (!isAway || Date.now() >= deadline) throw error;
      if (!hasSaid) {
        const most = `${AGENT_WAITS_MS / 1_000} s`;
        process.stderr.write(`ao: the daemon is away; waiting up to ${most} for it\n`);
      }
    }
    // oxlint-disable-next-line no-await-in-loop -- as above
    await delay(ASK_AGAIN_MS);
  }
}

/** A text as one part of a path. Fails with MALFORMED for one that would lead up from there. */
export function part(text: string | number): string {
  if (text === "." || text === "..") {
    throw new Failure("MALFORMED", `read ${text}: that is a folder, and no name of anything`);
  }
  return encodeURIComponent(text);
}

/** A query of the members that are there. */
export function query(members: Readonly<Record<string, string | number | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined) given.set(name, String(value));
  }
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}
