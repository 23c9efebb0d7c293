import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Ended, Part } from "../../actors/part-run.ts";
import { startDaemon, type Daemon } from "../../bin/daemon/daemon.ts";
import { readRunFile } from "../../bin/run-file.ts";
import { holderOf } from "../../storage/writer-lock.ts";
import { eventually } from "../support/eventually.ts";
import { tempFolder } from "../support/folder.ts";

// The real parts of a daemon, in this process: each is made to end once, as if it had crashed, and must come back with
// all that stand on it.

const ORDER = ["store", "bus", "system", "probes", "http"];

const starts: string[] = [];
const crashes = new Map<string, () => Promise<void>>();
const home = tempFolder();
const Books = z.looseObject({ dead: z.number() });
let daemon: Daemon;

/** A part that can be made to end by itself; nothing of it is left then. */
function mortal(part: Part): Part {
  return {
    ...part,
    async start(signal, epoch) {
      const running = await part.start(signal, epoch);
      const { promise, resolve } = Promise.withResolvers<Ended>();
      starts.push(part.id);
      crashes.set(part.id, async () => {
        await running.stop(0);
        resolve({ cause: "crash", error: new Error("the test says so") });
      });
      return { ...running, exited: Promise.race([running.exited, promise]) };
    },
  };
}

async function ask(method: string, path: string, body?: object): Promise<unknown> {
  // Where it is now: after a restart of http the port may be another.
  const url = readRunFile(home)?.url;
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${daemon.token}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return answer.json();
}

beforeAll(async () => {
  writeFileSync(join(home, "config.json"), JSON.stringify({ http: { port: 0 } }));
  daemon = await startDaemon({
    home,
    entry: ["true"],
    version: "0.0.0",
    env: { PATH: process.env["PATH"] },
    log: () => {},
    seams: { part: mortal },
  });
}, 60_000);

afterAll(async () => daemon.stop());

describe("the parts of the core", () => {
  it("start in order, each on those before it", () => {
    expect(starts).toEqual(ORDER);
  });

  it.each(ORDER)(
    "$0 that ends comes back, with all that stand on it and nothing lost",
    async (id) => {
      const { dead } = Books.parse(await ask("GET", "/api/v1/intake"));
      await ask("POST", "/api/v1/observations/activity/nobody", { state: "idle" });
      starts.length = 0;
      await crashes.get(id)?.();
      await eventually(async () => ask("GET", "/readyz"));
      expect(starts.filter((started, n) => starts.lastIndexOf(started) === n)).toEqual(
        ORDER.slice(ORDER.indexOf(id)),
      );
      await eventually(async () => {
        expect(Books.parse(await ask("GET", "/api/v1/intake"))).toMatchObject({
          dead: dead + 1,
          isBalanced: true,
        });
      });
    },
  );

  it("D1: leave the home to their process when they have stopped, until it ends", async () => {
    await daemon.stop();
    expect([readRunFile(home), holderOf(home)]).toEqual([undefined, process.pid]);
  });
});
