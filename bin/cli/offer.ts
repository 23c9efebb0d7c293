import { randomUUID } from "node:crypto";
import { Failure } from "../../machines/failures.ts";
import type { SpooledMessage } from "../../probes/spool.ts";
import { agentOf, client, reviewerOf } from "./client.ts";
import { homeOf } from "../run-file.ts";
import { spool } from "./spool.ts";

// Offer
//
// What agents say must not be lost because nobody could listen just then.
//
//   B1. What may succeed later is spooled; what was refused for good is the caller's failure.
//   B2. It is spooled under the id it was offered with: a daemon that took it and could not say so counts it once.

/** What is said: to whom by HTTP, and as the message that HTTP would make of it. */
export interface Offer {
  readonly path: string;
  readonly body: object;
  /** Given its id and the time of the fact, milliseconds since 1970. */
  readonly message: (id: string, at: number) => SpooledMessage;
}
export type Offered =
  | { readonly type: "answered"; readonly answer: unknown }
  /** The file that keeps it for the next daemon. */
  | { readonly type: "queued"; readonly file: string };

/** Tells the daemon, or writes down what it could not take. Fails with what the daemon refused for good. */
export async function offerOrSpool(
  env: NodeJS.ProcessEnv,
  { path, body, message }: Offer,
): Promise<Offered> {
  const key = randomUUID();
  const at = Date.now();
  try {
    const options = { body, key };
    return { type: "answered", answer: await client(env).request("POST", path, options) };
  } catch (error) {
    if (!(error instanceof Failure) || !error.isRetryable) throw error;
    const home = homeOf(env);
    await checkSize(home, body);
    return { type: "queued", file: spool(home, message(idOf(env, key), at)) };
  }
}

/** Fails with BODY_TOO_LARGE for what the next daemon would not take either (B1). */
async function checkSize(home: string, body: object): Promise<void> {
  const bytes = Buffer.byteLength(JSON.stringify(body));
  const most = await mostBytes(home);
  if (bytes <= most) return;
  const seen = `${bytes} bytes, and limits.bodyBytes is ${most}`;
  throw new Failure("BODY_TOO_LARGE", `keep it for the next daemon: it has ${seen}`);
}

/** No bound where the config is damaged: that is mended before a daemon reads what was kept. */
async function mostBytes(home: string): Promise<number> {
  const { readSettings } = await import("../home.ts");
  try {
    return readSettings(home).limits.bodyBytes;
  } catch {
    return Infinity;
  }
}

/** The message id that the daemon gives a request with this key (B2). */
function idOf(env: NodeJS.ProcessEnv, key: string): string {
  const agent = agentOf(env) ?? reviewerOf(env);
  return `http:${agent?.token === undefined ? "owner" : agent.sessionId}:${key}`;
}
