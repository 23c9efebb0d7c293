import { connect, TimeoutError } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { setTimeout as delay } from "node:timers/promises";
import type { NatsIdentity } from "./nats-home.ts";
import { endLife, type Life } from "./nats-process.ts";

// Answers of our nats-server
//
// Whether the server of a home lets us in and has streams, and what is done with one that does not any more.

const POLL_MS = 25;
const PING_MS = 5_000;
const STREAMS_MS = 2_000;

/** A connection to our server once it lets us in and JetStream answers; undefined when it does not in time, or ended before. */
export async function waitForAnswer(
  identity: NatsIdentity,
  { life, patienceMs, pingMs }: { life: Life; patienceMs: number; pingMs?: number },
): Promise<NatsConnection | undefined> {
  const patience = AbortSignal.timeout(patienceMs);
  while (!patience.aborted && !life.over.aborted) {
    const nc = await knock(identity, pingMs);
    if (nc !== undefined && (await hasStreams(nc, patienceMs))) return nc;
    await nc?.close();
    await delay(POLL_MS);
  }
  return undefined;
}

/** A connection to our server; undefined when nobody answers, or somebody else. */
export async function knock(
  { name, port, ao }: NatsIdentity,
  pingMs = PING_MS,
): Promise<NatsConnection | undefined> {
  const nc = await connect({
    servers: `127.0.0.1:${port}`,
    user: ao.user,
    pass: ao.pass,
    name: "ao-keeper",
    timeout: 1_000,
    reconnect: false,
    pingInterval: pingMs,
    maxPingOut: 1,
  }).catch(() => undefined);
  if (nc === undefined) return undefined;
  if (nc.info?.server_name === name && nc.info.auth_required === true) return nc;
  await nc.close();
  return undefined;
}

/** Resolves when something happened to a server that is not our child: its connections ended, or it takes none. */
export async function untilNextLook(identity: NatsIdentity): Promise<void> {
  const nc = await knock(identity);
  await (nc === undefined ? delay(POLL_MS) : nc.closed());
}

/**
 * Kills a server that runs and answers nobody, or for no stream, for `stuckMs` (D5), `stuck` being told before; resolves when it is over,
 * however it ended.
 * One connection is kept for it: a server that is frozen is noticed by a ping that stays without an answer.
 */
export async function endWhenStuck(
  identity: NatsIdentity,
  life: Life,
  { stuckMs, stuck }: { stuckMs: number; stuck: () => void },
): Promise<void> {
  while (!life.over.aborted) {
    const patience = { patienceMs: stuckMs, pingMs: stuckMs / 2 };
    const nc = await waitForAnswer(identity, { life, ...patience });
    if (nc === undefined) {
      if (!life.over.aborted) stuck();
      return endLife(life, 0);
    }
    await untilSilent(nc, stuckMs / 2);
    await nc.close();
  }
}

/** Resolves when a connection ended, or nobody answers for the streams on it any more. */
async function untilSilent(nc: NatsConnection, everyMs: number): Promise<void> {
  const closed = nc.closed();
  do {
    // oxlint-disable-next-line no-await-in-loop -- a look now and then
    await Promise.race([closed, delay(everyMs, undefined, { ref: false })]);
  } while (!nc.isClosed() && (await hasStreams(nc, everyMs)));
}

/**
 * Whether JetStream answers, whatever it says. Its threads can be stuck for good, after a full disk say, in a server that
 * lets everybody in and answers every ping.
 */
async function hasStreams(nc: NatsConnection, withinMs: number): Promise<boolean> {
  try {
    await nc.request("$JS.API.INFO", "", { timeout: Math.min(withinMs, STREAMS_MS) });
    return true;
  } catch (error) {
    return !(error instanceof TimeoutError) && !nc.isClosed();
  }
}
