import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { spool } from "../../bin/cli/spool.ts";
import type { Publication } from "../../bus/bus.ts";
import { Failure } from "../../machines/failures.ts";
import { spoolProbe, type SpooledMessage, type SpoolOptions } from "../../probes/spool.ts";
import { tempFolder } from "../support/folder.ts";
import { memorySystem } from "../support/http.ts";

function observation(n: number): SpooledMessage {
  return {
    type: "observation",
    id: `hook-${n}`,
    at: 1_000 + n,
    lane: "activity",
    to: "demo-1",
    data: { state: "idle" },
  };
}

/** Drains until the test ends. */
function draining(home: string, options: Pick<SpoolOptions, "publish" | "onTrouble">): void {
  const stop = new AbortController();
  const ended = spoolProbe({ folder: join(home, "spool"), signal: stop.signal, ...options });
  onTestFinished(async () => {
    stop.abort();
    await ended;
  });
}

function files(home: string): string[] {
  return existsSync(join(home, "spool")) ? readdirSync(join(home, "spool")) : [];
}

it("publishes what was there and what comes, in order, and empties the folder (Q1, Q2)", async () => {
  const home = tempFolder();
  spool(home, observation(2));
  spool(home, observation(1));
  const published: Publication[] = [];
  draining(home, {
    publish: async (publication) => {
      published.push(publication);
      return Promise.resolve();
    },
  });
  await expect.poll(() => files(home)).toEqual([]);
  spool(home, {
    type: "command",
    id: "c",
    at: 9,
    to: "session/demo-1",
    name: "session.report",
    epoch: 2,
    data: {},
  });
  await expect.poll(() => published.length).toBe(3);
  expect(published.map(({ subject, id, headers }) => [subject, id, headers?.["Ao-At"]])).toEqual([
    ["ao.obs.activity.demo-1", "hook-1", "1001"],
    ["ao.obs.activity.demo-1", "hook-2", "1002"],
    ["ao.cmd.session.demo-1", "c", "9"],
  ]);
  expect(JSON.parse(new TextDecoder().decode(published[2]?.body))).toEqual({
    id: "c",
    type: "session.report",
    at: 9,
    epoch: 2,
    data: {},
  });
});

it("keeps a file until its message is stored, and offers it again under the same id (Q1)", async () => {
  const home = tempFolder();
  spool(home, observation(1));
  const ids: (string | undefined)[] = [];
  const left: number[] = [];
  draining(home, {
    publish: async ({ id }) => {
      ids.push(id);
      left.push(files(home).length);
      return ids.length < 3 ? Promise.reject(new Error("the bus is down")) : Promise.resolve();
    },
  });
  await expect.poll(() => files(home)).toEqual([]);
  expect([ids, left]).toEqual([
    ["hook-1", "hook-1", "hook-1"],
    [1, 1, 1],
  ]);
});

it.each([
  { title: "not JSON", text: "{" },
  { title: "of no known type", text: '{"type":"odd","id":"x"}' },
  { title: "for no token", text: JSON.stringify({ ...observation(1), to: "a.b" }) },
])("sets a file aside that is $title, tells of it and goes on (Q3)", async ({ text }) => {
  const home = tempFolder();
  spool(home, observation(1));
  writeFileSync(join(home, "spool", "000-first.json"), text);
  const told: unknown[] = [];
  draining(home, {
    publish: async () => Promise.resolve(),
    onTrouble: (error) => told.push(error),
  });
  await expect.poll(() => files(home)).toEqual(["000-first.json.bad"]);
  expect(told).toHaveLength(1);
});

it("sets aside what is no plain file, and is held up by none (Q3)", async () => {
  const home = tempFolder();
  spool(home, observation(1));
  execFileSync("mkfifo", [join(home, "spool", "000-pipe.json")]);
  symlinkSync("/dev/zero", join(home, "spool", "001-endless.json"));
  draining(home, { publish: async () => Promise.resolve() });
  await expect.poll(() => files(home)).toEqual(["000-pipe.json.bad", "001-endless.json.bad"]);
});

it("sets a message aside that is refused for good, and tries one again that found no room (Q3, Q4)", async () => {
  const home = tempFolder();
  for (const n of [1, 2, 3]) spool(home, observation(n));
  const tried: string[] = [];
  const told: unknown[] = [];
  draining(home, {
    publish: async ({ id }) => {
      tried.push(id);
      if (id === "hook-1") throw new Failure("BUS_REFUSED", "too large");
      const isFull = tried.filter((one) => one === "hook-2").length < 3;
      if (isFull) throw new Failure("BUS_FULL", "the stream is full");
      return Promise.resolve();
    },
    onTrouble: (error) => told.push(error),
  });
  await expect.poll(() => files(home)).toEqual([expect.stringMatching(/1001-.*\.json\.bad$/)]);
  expect(tried).toEqual(["hook-1", "hook-2", "hook-2", "hook-2", "hook-3"]);
  expect(told.map(String)).toEqual([
    expect.stringMatching(/\.bad: too large$/),
    "Failure: the stream is full",
    "Failure: the stream is full",
  ]);
});

it("applies a message once that was spooled after it had been applied", async () => {
  const home = tempFolder();
  const system = memorySystem();
  const start = {
    projectId: "demo",
    root: "/repositories/demo",
    scm: "none",
    baseRef: "main",
    branch: "topic",
    kind: "worker",
    harness: "command",
    argv: ["true"],
    prompt: "Do it.",
  };
  await system.ask({ to: "session/demo-1", type: "session.start", data: start });
  await system.observe("activity", "demo-1", { state: "idle" }, "hook-1");
  spool(home, observation(1));
  draining(home, { publish: async (publication) => system.bus.publish(publication) });
  await expect.poll(() => files(home)).toEqual([]);
  await system.ask({ to: "session/demo-1", type: "session.send", data: { text: "after it" } });
  const heard = system.store
    .journal("session/demo-1", { after: 0, limit: 20 })
    .filter(({ message }) => message.id === "hook-1");
  expect([heard.length, system.report().duplicate, system.report().dead]).toEqual([1, 1, 0]);
});
