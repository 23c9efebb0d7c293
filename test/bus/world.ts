import { jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Bus, Intake, RawMessage } from "../../bus/bus.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream } from "../../bus/memory-stream.ts";
import { connectNatsBus } from "../../bus/nats-bus.ts";
import { parseEndpoint } from "../../bus/nats-endpoint.ts";
import { startNatsServer } from "../../bus/nats-server.ts";
import type { NatsServer, NatsServerOptions } from "../../bus/nats-server.ts";
import type { StreamLimits } from "../../bus/nats-stream.ts";
import { tempFolder } from "../support/folder.ts";

/** A stream that can be harmed, and buses on it. */
export interface World {
  bus(): Promise<Bus>;
  /** Nobody reaches the stream until `restore`. */
  fail(): Promise<void>;
  restore(): Promise<void>;
  /** Loses the stream and everything in it, during an outage. */
  wipe(): Promise<void>;
  /** Everything emitted on a subject from now on. */
  hear(subject: string): Promise<string[]>;
  request(subject: string, body: string): Promise<string>;
}

const BODY_BYTES = 2_048;

export function memoryWorld(): Promise<World> {
  const stream = memoryStream({ maxBodyBytes: BODY_BYTES });
  return Promise.resolve({
    bus: () => Promise.resolve(memoryBus({ stream })),
    fail: async () => stream.fail("the test says so"),
    restore: async () => stream.restore(),
    wipe: async () => stream.wipe(),
    async hear(subject) {
      const heard: string[] = [];
      stream.hear(subject, (_, body) => heard.push(text(body)));
      return heard;
    },
    request: async (subject, body) => text(await stream.request(subject, bytes(body))),
  });
}

export interface NatsWorld extends World {
  readonly home: string;
  server(): NatsServer;
  /** A plain connection as `ao`, for looking and for harming. */
  client(): Promise<NatsConnection>;
  jsm(): Promise<JetStreamManager>;
}

/** A real nats-server in a folder of its own. It is stopped, and its buses are closed, when the test is over. */
export async function natsWorld(
  given: Partial<NatsServerOptions> & { limits?: Partial<StreamLimits> } = {},
): Promise<NatsWorld> {
  const { limits = { maxMessageBytes: BODY_BYTES }, ...options } = given;
  const home = options.home ?? tempFolder();
  const start = () => startNatsServer({ ...options, home });
  let server = await start();
  onTestFinished(() => server.stop());
  const endpoint = () => {
    const { url, user, pass } = server.credentials.ao;
    return { ...parseEndpoint(url), user, pass };
  };
  const client = async () => {
    const { url, user, pass } = server.credentials.ao;
    const nc = await connect({ servers: url, user, pass, noAsyncTraces: true });
    onTestFinished(() => nc.close());
    return nc;
  };
  return {
    home,
    server: () => server,
    client,
    jsm: async () => jetstreamManager(await client()),
    async bus() {
      const bus = await connectNatsBus({ endpoint, limits });
      onTestFinished(() => bus.close());
      return bus;
    },
    async fail() {
      process.kill(server.pid, "SIGKILL");
      await server.exited;
    },
    async restore() {
      server = await start();
    },
    wipe: () => rm(join(home, "nats", "store"), { recursive: true, force: true }),
    async hear(subject) {
      const nc = await client();
      const heard: string[] = [];
      nc.subscribe(subject, { callback: (_, message) => void heard.push(message.string()) });
      await nc.flush();
      return heard;
    },
    async request(subject, body) {
      const nc = await client();
      const answer = await nc.request(subject, body, { timeout: 5_000 });
      const failed = answer.headers?.get("Nats-Service-Error");
      if (failed !== undefined) throw new Error(failed);
      return answer.string();
    },
  };
}

const DEADLINE_MS = 20_000;

/** Takes until `count` messages came. Fails with what came when they do not. */
export async function collect(intake: Intake, count: number, max = 100): Promise<RawMessage[]> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const got: RawMessage[] = [];
  while (got.length < count && !signal.aborted) got.push(...(await intake.take(max, signal)));
  if (got.length < count) {
    throw new Error(
      `${got.length} of ${count} messages came: ${texts(got).join(" ").slice(0, 500)}`,
    );
  }
  return got;
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

/** The name of the stream that a bus is on. */
export function streamOf(bus: Bus): string {
  const state = bus.state();
  return state.type === "up" ? state.stream : `down: ${state.reason}`;
}

/** The bodies. */
export function texts(messages: readonly RawMessage[]): string[] {
  return messages.map(({ body }) => text(body));
}

/** A publication of an observation. */
export function observation(body: string, id?: string) {
  const plain = { subject: "ao.obs.activity.mer-1", body: bytes(body) };
  return id === undefined ? plain : { ...plain, id };
}

/** `prefix0` … `prefix<count - 1>`. */
export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${n}`);
}
