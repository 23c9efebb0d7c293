// How fast messages get through NATS: publisher, server and reader are three processes.
//
//   node bench/bus.ts [messages]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus } from "../bus/bus.ts";
import { connectNatsBus } from "../bus/nats-bus.ts";
import { parseEndpoint } from "../bus/nats-endpoint.ts";
import { startNatsServer } from "../bus/nats-server.ts";

// Publishes under way at a time; more than this gains nothing.
const WINDOW = 512;
const SESSIONS = 1_000;
const TAKE = 512;

interface Credential {
  readonly url: string;
  readonly user: string;
  readonly pass: string;
}

function connectTo({ url, user, pass }: Credential): Promise<Bus> {
  return connectNatsBus({ endpoint: () => ({ ...parseEndpoint(url), user, pass }) });
}

/** Publishes `count` observations, each with an id, and resolves when all are stored. */
async function publishAll(bus: Bus, count: number): Promise<void> {
  const run = `${process.pid}-${Date.now()}`;
  const body = new TextEncoder().encode(
    JSON.stringify({ state: "active", source: "hook", event: "PostToolUse" }),
  );
  let next = 0;
  const publishOn = async () => {
    while (next < count) {
      const n = next;
      next += 1;
      await bus.publish({ subject: `ao.obs.activity.s-${n % SESSIONS}`, body, id: `${run}-${n}` });
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, publishOn));
}

async function publishFromAnotherProcess(credential: Credential, count: number): Promise<void> {
  const child = spawn(process.execPath, [import.meta.filename, "publish", String(count)], {
    env: { ...process.env, BENCH_NATS: JSON.stringify(credential) },
    stdio: ["ignore", "inherit", "inherit"],
  });
  await once(child, "exit");
}

/** Takes `count` messages from the beginning of what is not read yet; messages a second. */
async function measureTake(bus: Bus, after: number, count: number): Promise<number> {
  const state = bus.state();
  const stream = state.type === "up" ? state.stream : "";
  const intake = await bus.read(after === 0 ? undefined : { stream, seq: after });
  const { signal } = new AbortController();
  const begun = performance.now();
  for (let got = 0; got < count;) got += (await intake.take(TAKE, signal)).length;
  const seconds = (performance.now() - begun) / 1_000;
  await intake.close();
  return count / seconds;
}

async function measureAll(count: number): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "ao-bench-bus-"));
  const server = await startNatsServer({ home });
  try {
    const bus = await connectTo(server.credentials.ao);
    const begun = performance.now();
    await publishFromAnotherProcess(server.credentials.ao, count);
    const published = count / ((performance.now() - begun) / 1_000);
    const replayed = await measureTake(bus, 0, count);
    const [through] = await Promise.all([
      measureTake(bus, count, count),
      publishFromAnotherProcess(server.credentials.ao, count),
    ]);
    await bus.close();
    const rows: readonly [string, number, number][] = [
      ["publish only, start of the process included", published, 0],
      ["publish to take, three processes", through, 20_000],
      ["replay of a backlog", replayed, 40_000],
    ];
    for (const [name, rate, target] of rows) {
      const aim = target === 0 ? "" : `  (target ${target.toLocaleString("en")})`;
      process.stdout.write(
        `${name.padEnd(45)}${Math.round(rate).toLocaleString("en").padStart(9)} msgs/s${aim}\n`,
      );
    }
  } finally {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  }
}

const [first, second] = process.argv.slice(2);
if (first === "publish") {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written a few lines above
  const bus = await connectTo(JSON.parse(process.env["BENCH_NATS"] ?? "{}") as Credential);
  await publishAll(bus, Number(second));
  await bus.close();
} else await measureAll(Number(first ?? 200_000));
