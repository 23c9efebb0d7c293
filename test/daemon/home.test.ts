import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sweepDrafts } from "../../bin/daemon/drafts.ts";
import { fileNotes } from "../../bin/daemon/notes.ts";
import { makeHome, readSettings, secretsOf } from "../../bin/home.ts";
import { homeOf, readRunFile, removeRunFile, writeRunFile } from "../../bin/run-file.ts";
import { Settings } from "../../machines/settings.ts";
import { supervise, supervisor } from "../../machines/supervision/supervision.ts";
import { failureOf } from "../storage/failure-of.ts";
import { tempFolder } from "../support/folder.ts";

function modeOf(file: string): string {
  return (statSync(file).mode & 0o777).toString(8);
}

describe("config.json", () => {
  it("may be missing: every setting has a default", () => {
    expect(readSettings(tempFolder())).toEqual(Settings.parse({}));
  });

  it.each([
    {
      text: '{"http":{"prot":1}}',
      says: /^CONFIG_INVALID .*config\.json: http: unknown key prot; known are port, /,
    },
    {
      text: '{"supervizor":{}}',
      says: /^CONFIG_INVALID .*config\.json: \(whole file\): unknown key supervizor \(did you mean supervisor\?\);/,
    },
    {
      text: '{"probes":{"scmMs":-5}}',
      says: /^CONFIG_INVALID .*config\.json: probes\.scmMs: expected more than 0/,
    },
    {
      text: '{"http":{"port":"4500"}}',
      says: /^CONFIG_INVALID .*config\.json: http\.port: expected a number/,
    },
    { text: "[]", says: /^CONFIG_INVALID .*config\.json: \(whole file\): expected an object/ },
    { text: '{"http":', says: /^CONFIG_INVALID .*config\.json: it is not JSON/ },
  ])("$text is refused with the key that is wrong", ({ text, says }) => {
    const home = tempFolder();
    writeFileSync(join(home, "config.json"), text);
    expect(failureOf(() => readSettings(home))).toMatch(says);
  });
});

describe("a home", () => {
  it("is for its owner alone, also one that was there with other rights", () => {
    const home = join(tempFolder(), "home");
    mkdirSync(home, { mode: 0o755 });
    makeHome(home);
    expect([home, join(home, "logs"), join(home, "spool")].map(modeOf)).toEqual([
      "700",
      "700",
      "700",
    ]);
  });

  it("makes its secrets once, unlike those of any other, in a file that only the owner reads", () => {
    const [home, other] = [tempFolder(), tempFolder()];
    const first = secretsOf(home);
    expect(secretsOf(home)).toEqual(first);
    expect(modeOf(join(home, "secrets.json"))).toBe("600");
    expect(new Set([first.token, first.agents, ...Object.values(secretsOf(other))]).size).toBe(4);
    expect(readdirSync(home)).toEqual(["secrets.json"]);
  });

  it.each(["", "{", '{"token":"short","agents":"short"}'])(
    "is refused when its secrets are '%s': new ones would lock out the agents that run",
    (text) => {
      const home = tempFolder();
      writeFileSync(join(home, "secrets.json"), text);
      expect(failureOf(() => secretsOf(home))).toMatch(/^CONFIG_INVALID .*secrets\.json: /);
    },
  );
});

describe("run.json", () => {
  const run = { pid: 1, url: "http://h", token: "t", natsUrl: "n", startedAt: 5, version: "1" };

  it("is read as it was written, only by its owner, and gone when removed", () => {
    const home = tempFolder();
    writeRunFile(home, run);
    expect([readRunFile(home), modeOf(join(home, "run.json"))]).toEqual([run, "600"]);
    removeRunFile(home);
    removeRunFile(home);
    expect(readRunFile(home)).toBeUndefined();
  });

  it.each(["", "{", "[]", '{"pid":1}', JSON.stringify({ ...run, pid: "1" })])(
    "counts as none when it holds '%s'",
    (text) => {
      const home = tempFolder();
      writeFileSync(join(home, "run.json"), text);
      expect(readRunFile(home)).toBeUndefined();
    },
  );
});

describe("the notes of a supervisor", () => {
  const spec = {
    strategy: "one_for_one" as const,
    intensity: 3,
    periodMs: 60_000,
    backoff: { minMs: 1, maxMs: 2 },
    children: [{ id: "bus", restart: "permanent" as const, shutdownMs: 1_000 }],
  };
  const begun = supervise(supervisor(spec), { type: "start", at: 1 }).state;
  const failed = supervise(begun, {
    type: "child.exited",
    id: "bus",
    epoch: 1,
    cause: "infra",
    at: 2,
  }).state;

  it("are read back as they were saved, budgets and all, in a folder that is made", async () => {
    const file = join(tempFolder(), "supervision/core.json");
    const notes = fileNotes(file);
    expect(notes.load()).toBeUndefined();
    await notes.save(begun);
    await notes.save(failed);
    expect(failed.restarts).toEqual({ infra: [2] });
    expect([fileNotes(file).load(), modeOf(file)]).toEqual([failed, "600"]);
  });

  it.each(["", "{", "[]", '{"phase":"running"}'])(
    "count as none when the file holds '%s'",
    (text) => {
      const file = join(tempFolder(), "core.json");
      writeFileSync(file, text);
      expect(fileNotes(file).load()).toBeUndefined();
    },
  );
});

it("is one folder wherever it is named from: agents and tmux work elsewhere", () => {
  expect(homeOf({ AO_HOME: "some home" })).toBe(join(process.cwd(), "some home"));
  expect(homeOf({ AO_HOME: "/data" })).toBe("/data");
});

it("is freed of what its writers left half done long ago, and of nothing else", () => {
  const home = tempFolder();
  for (const folder of ["spool", "nats", "terminals/g1"])
    mkdirSync(join(home, folder), { recursive: true });
  const old = [
    "run.json.12.draft",
    "spool/1-a.draft",
    "spool/hook.a.1.2.draft",
    "terminals/g1/a.1.start.9",
    "terminals/ao-4f1c.draft",
    "nats/nats.conf.draft",
  ];
  const kept = ["config.json", "spool/1-a.json", "spool/hook.a.1.2.said", "terminals/g1/a.1.start"];
  const young = ["spool/2-b.draft", "terminals/g1/a.2.exit.7"];
  for (const name of [...old, ...kept, ...young]) writeFileSync(join(home, name), "x");
  for (const name of [...old, ...kept]) utimesSync(join(home, name), 1, 1);
  sweepDrafts(home, Date.now());
  const left = readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1));
  expect(left.toSorted()).toEqual([...kept, ...young].toSorted());
});
