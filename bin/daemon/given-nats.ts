import { lookup } from "node:dns/promises";
import { parseEndpoint, type NatsEndpoint } from "../../bus/nats-endpoint.ts";
import { Failure } from "../../machines/failures.ts";
import type { Settings } from "../../machines/settings.ts";

/**
 * The NATS server that is given, instead of one of our own. Fails with CONFIG_INVALID for what is no address; the message
 * names where it stands.
 */
export function givenEndpoint(
  settings: Settings,
  env: NodeJS.ProcessEnv,
): NatsEndpoint | undefined {
  const url = env["AO_NATS_URL"] ?? settings.nats.url;
  return url === undefined || url === "" ? undefined : parseEndpoint(url);
}

/**
 * Fails with CONFIG_INVALID when no host of it has an address: a misspelled one is tried for half a minute otherwise.
 * A resolver that cannot tell now is no reason.
 */
export async function checkHosts({ servers }: NatsEndpoint): Promise<void> {
  const hosts = servers.map((server) => new URL(`nats://${server}`).hostname);
  const seen = await Promise.all(hosts.map(codeOfLookup));
  if (seen.some((code) => code !== "ENOTFOUND")) return;
  throw new Failure(
    "CONFIG_INVALID",
    `connect to NATS at ${servers.join(", ")}: no such host is known; correct nats.url in config.json, or AO_NATS_URL`,
  );
}

async function codeOfLookup(host: string): Promise<string | undefined> {
  try {
    await lookup(host.replaceAll(/^\[|\]$/g, ""));
    return undefined;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : undefined;
  }
}
