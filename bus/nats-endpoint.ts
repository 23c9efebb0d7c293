import { Failure } from "../machines/failures.ts";

/** Where a NATS server or cluster is, and as whom to go there. */
export interface NatsEndpoint {
  /** `host:port` of one or more servers. */
  readonly servers: readonly string[];
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
}

/**
 * Reads what AO_NATS_URL holds: `nats://[user:pass@ | token@]host[:port]`, several with commas between.
 * Fails with CONFIG_INVALID; the message does not repeat a password.
 */
export function parseEndpoint(text: string): NatsEndpoint {
  const urls = text.split(",").map((part) => parseUrl(part.trim()));
  const named = urls.find(({ username }) => username !== "");
  const servers = urls.map(({ hostname, port }) => `${hostname}:${port === "" ? 4222 : port}`);
  if (named === undefined) return { servers };
  const user = decodeURIComponent(named.username);
  if (named.password === "") return { servers, token: user };
  return { servers, user, pass: decodeURIComponent(named.password) };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text.includes("://") ? text : `nats://${text}`);
  if (url !== null && url.hostname !== "" && ["nats:", "tls:"].includes(url.protocol)) return url;
  const shown = text.replace(/[^/@]*@/, "***@");
  throw new Failure(
    "CONFIG_INVALID",
    `read the NATS address "${shown}": expected nats://host:port`,
  );
}
