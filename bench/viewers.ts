// People who look, in a process of their own: URL TOKEN BOARDS ACTOR… A board is read and followed, and read anew when
// it is told to; of an actor that moved, its frame is asked for as often as the page asks. The process
// steps back for the daemon: a browser has cores of its own, these share two with it.
//
// Obeys lines: "look" opens everything, "leave" lets go; "tell" says what came since it was asked last.

import { setPriority, constants } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { eventsIn } from "../bin/cli/event-stream.ts";
import { restAfter } from "../web/model/pace.ts";

const [url = "", token = "", boards = "0", ...actors] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}` };
const late: number[] = [];
const told = Array.from({ length: Number(boards) + actors.length }, () => 0);
let left = new AbortController();

setPriority(constants.priority.PRIORITY_LOW);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "look") await look();
  if (line === "leave") left.abort();
  const answer = line === "tell" ? { late: late.splice(0), told } : {};
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function look(): Promise<void> {
  left = new AbortController();
  const { signal } = left;
  await Promise.all([
    ...Array.from({ length: Number(boards) }, async (_, n) => board(n, signal)),
    ...actors.map(async (address, n) => actor(Number(boards) + n, address, signal)),
  ]);
}

async function ask(path: string, signal: AbortSignal): Promise<unknown> {
  const answer = await fetch(`${url}/api/v1${path}`, { headers, signal });
  return answer.json();
}

/** Resolves once it is followed. */
async function board(n: number, signal: AbortSignal): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own answer
  const { head } = (await ask("/board?limit=1000", signal)) as { head: number };
  const over = new AbortController();
  await follow(`/changes?after=${head}`, AbortSignal.any([signal, over.signal]), (type, data) => {
    told[n] = (told[n] ?? 0) + 1;
    if (type === "reset") {
      over.abort();
      void board(n, signal).catch(quietly);
      return;
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own answer
    const { lines } = JSON.parse(data) as { lines: readonly { updatedAt: number }[] };
    for (const { updatedAt } of lines) late.push(Date.now() - updatedAt);
  });
}

/** Resolves once it is followed. */
async function actor(n: number, address: string, signal: AbortSignal): Promise<void> {
  let seq = 0;
  let isAsking = false;
  const askAll = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    for (let asked = 0; asked !== seq;) {
      asked = seq;
      const askedAt = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await ask(`/actors/${address}/frames/last`, signal);
      // oxlint-disable-next-line no-await-in-loop -- no more often than a page
      await delay(restAfter(performance.now() - askedAt), undefined, { signal });
    }
    isAsking = false;
  };
  await follow(`/events?address=${address}`, signal, (_type, data) => {
    told[n] = (told[n] ?? 0) + 1;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own answer
    ({ seq } = JSON.parse(data) as { seq: number });
    void askAll().catch(quietly);
  });
}

/** Resolves once the answer begins. */
async function follow(
  path: string,
  signal: AbortSignal,
  onEvent: (type: string, data: string) => void,
): Promise<void> {
  const { body } = await fetch(`${url}/api/v1${path}`, { headers, signal });
  const read = async (): Promise<void> => {
    if (body === null) return;
    const parts = body.pipeThrough(new TextDecoderStream());
    for await (const { type = "", data } of eventsIn(parts)) onEvent(type, data);
  };
  void read().catch(quietly);
}

function quietly(error: unknown): void {
  if (!left.signal.aborted && !(error instanceof Error && error.name === "AbortError")) throw error;
}
