// What viewers cost: messages per second through the whole path, alone and with 10 viewers, 7 of boards and 3 of actors,
// and how soon a change is there. Each viewer is a real reader over HTTP, in a process of its own; one that was told
// nothing while messages flowed fails the run.
//
//   node bench/web.ts

import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { ActorSystem } from "../actors/actor-system.ts";
import { pagesOver, TOKEN } from "./pages-server.ts";
import { percentile, print } from "./rows.ts";
import { openSessions, reached, withWorld } from "./world.ts";

const SESSIONS = 500;
const MESSAGES = 30_000;
const VIEWERS = 10;

// Reads boards and actors as pages do, and says how old each line was when it came, and how much each reader was told.
const READER = `
const [url, ...paths] = process.argv.slice(1);
const late = [];
const told = paths.map(() => 0);
for (const [n, path] of paths.entries()) {
  fetch(url + "/api/v1" + path, { headers: { authorization: "Bearer ${TOKEN}" } }).then(async ({ body }) => {
    let text = "";
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const frames = text.split("\\n\\n");
      text = frames.pop();
      for (const frame of frames) {
        const data = /^data: (.*)$/m.exec(frame)?.[1];
        if (data === undefined) continue;
        const { lines = [] } = JSON.parse(data);
        told[n] += 1;
        for (const { updatedAt } of lines) late.push(Date.now() - updatedAt);
      }
    }
  });
}
process.stdin.on("data", () => {
  process.stdout.write(JSON.stringify({ late: late.splice(0), told }) + "\\n");
});
`;

const PATHS = Array.from({ length: VIEWERS }, (_, n) =>
  n < 7 ? "/changes" : `/events?address=session/s${n}`,
);

interface Heard {
  /** Milliseconds, a number for each line. */
  readonly late: readonly number[];
  /** Frames, a number for each viewer. */
  readonly told: readonly number[];
}

/** What the viewers heard since they were asked last; how much each was told, since they began. */
async function heard({
  stdin,
  stdout,
}: ChildProcessByStdio<Writable, Readable, null>): Promise<Heard> {
  let text = "";
  const keep = (chunk: Buffer): void => void (text += chunk.toString());
  stdout.on("data", keep);
  stdin.write("tell\n");
  // oxlint-disable-next-line no-await-in-loop -- until all of it is there
  while (!text.includes("\n")) await delay(10);
  stdout.off("data", keep);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what READER writes
  return JSON.parse(text) as Heard;
}

/** Messages per second until all are durable. */
async function throughput(system: ActorSystem, round: number): Promise<number> {
  const from = system.report().received;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: MESSAGES }, async (_, n) =>
      system.observe("activity", `s${n % SESSIONS}`, {
        state: (Math.floor(n / SESSIONS) + round) % 2 === 0 ? "active" : "idle",
      }),
    ),
  );
  await reached(system, from + MESSAGES);
  return MESSAGES / ((performance.now() - startedAt) / 1_000);
}

/** One change of each of the sessions within a second, as a busy fleet makes them. */
async function calmly(system: ActorSystem, round: number): Promise<void> {
  for (let n = 0; n < SESSIONS; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- at this pace
    await system.observe("activity", `s${n}`, { state: round % 2 === 0 ? "active" : "idle" });
    // oxlint-disable-next-line no-await-in-loop -- at this pace
    await delay(2);
  }
}

await withWorld(async ({ start }) => {
  const system = start();
  const { app, url } = await pagesOver(system);
  await openSessions(system, SESSIONS);
  await throughput(system, 0);
  const alone: number[] = [];
  const watched: number[] = [];
  const late: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    alone.push(await throughput(system, round));
    const reader = spawn(process.execPath, ["-e", READER, url, ...PATHS], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    // oxlint-disable-next-line no-await-in-loop -- until they are there
    await delay(500);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    watched.push(await throughput(system, round + 1));
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await delay(1_500);
    // oxlint-disable-next-line no-await-in-loop -- what came under load is not asked for
    const { told } = await heard(reader);
    if (told.includes(0)) throw new Error(`some viewers were told nothing: ${told.join(", ")}`);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await calmly(system, round);
    // oxlint-disable-next-line no-await-in-loop -- the last ones are on their way
    await delay(300);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    late.push(...(await heard(reader)).late);
    reader.kill();
  }
  const cost = (1 - Math.max(...watched) / Math.max(...alone)) * 100;
  print(`Pages: ${SESSIONS} sessions, ${VIEWERS} viewers`, [
    { what: "messages, nobody looks", value: Math.max(...alone), unit: "messages/s" },
    { what: "messages, all look", value: Math.max(...watched), unit: "messages/s" },
    { what: "cost of the viewers", value: Math.max(0, cost), unit: "%", goal: { atMost: 3 } },
    {
      what: "from the fact to the page, 95 of 100",
      value: percentile(late, 0.95),
      unit: "ms",
      goal: { atMost: 100 },
    },
  ]);
  await app.close();
  await system.stop();
});
