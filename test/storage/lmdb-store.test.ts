import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa, execaSync } from "execa";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { Failure } from "../../machines/failures.ts";
import { lmdbEngine } from "../../storage/lmdb-engine.ts";
import { openLmdbStore } from "../../storage/lmdb-store.ts";
import type { Store } from "../../storage/store.ts";
import { COMPILED } from "../support/compiled.ts";
import { tempFolder } from "../support/folder.ts";
import { failureOf } from "./failure-of.ts";
import { busyCommit, commitOf, deadLetter, outboxRow, summaryRow } from "./rows.ts";

const WRITER = fileURLToPath(new URL("programs/writer.ts", import.meta.url));
const FULL_DISK = fileURLToPath(new URL("programs/full-disk.ts", import.meta.url));
const READ_ONLY_DISK = fileURLToPath(new URL("programs/read-only-disk.ts", import.meta.url));
const ROUNDS = 8;
// Of the writer's batches.
const ACTORS = 10;
const MESSAGES = 300;

/** Opens a store that is closed when the test ends, whatever happens. */
function openHere(path: string): Store {
  const store = openLmdbStore(path);
  onTestFinished(async () => store.close());
  return store;
}

/** A writer on the store; `untilAck` resolves with the last number printed once so many were. */
function startWriter(path: string) {
  const program = execa("node", [WRITER, path], {
    reject: false,
    env: COMPILED,
    buffer: false,
  });
  onTestFinished(() => void program.kill("SIGKILL"));
  let last = 0;
  let count = 0;
  let wanted = Number.POSITIVE_INFINITY;
  const reached = Promise.withResolvers<void>();
  const ended = (async () => {
    for await (const line of program.iterable()) {
      last = Number(line);
      count += 1;
      if (count >= wanted) reached.resolve();
    }
  })();
  return {
    untilAck: async (acks: number) => {
      wanted = acks;
      await Promise.race([reached.promise, ended]);
    },
    kill: async () => {
      program.kill("SIGKILL");
      await ended;
      await program;
      return last;
    },
  };
}

describe("a writer that is killed", () => {
  it("S1, S2: leaves every batch it had acknowledged, and no half of any", async () => {
    const path = join(tempFolder(), "store");
    for (let round = 1; round <= ROUNDS; round += 1) {
      const writer = startWriter(path);
      // Killed at another moment each time: from the first commits of a new store to deep in the work.
      // oxlint-disable no-await-in-loop -- one writer after the other
      await writer.untilAck(1 + 3 * round);
      const acknowledged = await writer.kill();
      const store = openLmdbStore(path);
      const kept = store.head().position?.seq ?? 0;
      expect(kept).toBeGreaterThanOrEqual(acknowledged);
      expect(acknowledged).toBeGreaterThan(0);
      expect(store.stats().rows).toMatchObject({
        journal: kept * MESSAGES,
        log: kept * MESSAGES,
        seen: kept * MESSAGES,
      });
      const entries = store.log({ after: 0, limit: kept * MESSAGES });
      expect(entries.map(({ globalSeq }) => globalSeq)).toEqual(
        Array.from({ length: kept * MESSAGES }, (_, n) => n + 1),
      );
      const rows = store.snapshots({ limit: 99 });
      expect(rows.map(({ seq, updatedAt }) => [seq, updatedAt])).toEqual(
        Array.from({ length: ACTORS }, () => [(kept * MESSAGES) / ACTORS, 1_000 + kept]),
      );
      expect([...store.summaries()].map(({ seq }) => seq)).toEqual(
        Array.from({ length: ACTORS }, () => kept),
      );
      await store.close();
      // oxlint-enable no-await-in-loop
    }
  });

  it("does not keep the lock, and keeps it while it lives", async () => {
    const path = join(tempFolder(), "store");
    const writer = startWriter(path);
    await writer.untilAck(1);
    expect(failureOf(() => openLmdbStore(path))).toMatch(/^STORE_BUSY .*process \d+ has it/);
    const second = await execa("node", [WRITER, path], { reject: false });
    expect([second.exitCode, second.stderr]).toEqual([1, expect.stringMatching(/^STORE_BUSY /)]);
    await writer.kill();
    expect(openHere(path).head().position?.seq).toBeGreaterThan(0);
  });
});

// A small disk in a mount namespace of its own, where the machine allows that; everywhere, a limit on file size, which
// makes the same write of lmdb fail with EFBIG instead of ENOSPC.
const canMount =
  execaSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"], { reject: false })
    .exitCode === 0;
const onSmallDisk = [
  "-rm",
  "sh",
  "-c",
  'mount -t tmpfs -o size=8m none "$1" && exec node "$2" $3 "$1"',
  "sh",
];

function countsAt(commits: number) {
  return { head: commits * 40, log: commits * 40 };
}

const Report = z.looseObject({ failures: z.array(z.string()), committed: z.number() });

describe("a full disk", () => {
  it.each([
    {
      mode: "limit",
      command: "sh",
      args: ["-c", 'trap "" XFSZ; ulimit -S -f 4096; exec node "$2" $3 "$1"', "sh"],
    },
    ...(canMount ? [{ mode: "tmpfs", command: "unshare", args: onSmallDisk }] : []),
  ])(
    "fails commits with STORE_FULL, keeps what it has, and goes on with room ($mode)",
    async ({ mode, command, args }) => {
      const { stdout } = await execa(command, [...args, tempFolder(), FULL_DISK, mode]);
      const { failures, committed, ...seen } = Report.parse(JSON.parse(stdout));
      expect(failures).toEqual(failures.map(() => "STORE_FULL"));
      expect(committed).toBeGreaterThan(3);
      expect(seen).toEqual({
        whileFull: countsAt(committed),
        withRoom: countsAt(committed + 1),
        reopened: countsAt(committed + 1),
      });
    },
  );
});

describe("a disk that cannot be written", () => {
  it("is refused with STORE_READ_ONLY", () => {
    // Nobody can make a folder there, not even root.
    expect(failureOf(() => openLmdbStore("/sys/ao-store"))).toMatch(
      /^STORE_READ_ONLY .*\/sys\/ao-store/,
    );
  });

  it.each(canMount ? [{ command: "unshare" }] : [])(
    "is refused with STORE_READ_ONLY when it has a store on it",
    async ({ command }) => {
      const { stdout } = await execa(command, [...onSmallDisk, tempFolder(), READ_ONLY_DISK, ""]);
      expect(stdout).toMatch(/^STORE_READ_ONLY open store /);
    },
  );
});

/** A closed store with all kinds of rows, a large value among them. */
async function writeStore(path: string): Promise<void> {
  const store = openLmdbStore(path);
  for (let n = 0; n < 4; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- batches follow each other
    await store.commit({
      ...busyCommit(n, { messages: 12, actors: 6 }),
      dead: [{ ...deadLetter(n + 1), body: "x".repeat(n * 3_000) }],
      outbox: [outboxRow("session/mer-1", n, 0)],
      armed: [{ address: "session/mer-1", name: "stuck", dueAt: n, seq: n }],
    });
  }
  await store.close();
}

function contentOf(store: Store): unknown {
  return [
    store.head(),
    store.snapshots({ limit: 999 }),
    [...store.summaries()],
    store.log({ after: 0, limit: 999 }),
    store.log({ after: 0, limit: 999 }).map(({ message }) => store.seen(message.id)),
    store.outbox({ limit: 999 }),
    store.timersDue(999, 999),
    store.timersOf("session/mer-1"),
    store.deadLetters({ after: 0, limit: 999 }),
  ];
}

const PAGE = 4_096;
const REFUSED = /^STORE_DAMAGED .*hit-.*data\.mdb.*restore it from a backup/;

/** What a store says when it is opened: the failure as text, or all that is in it. */
async function openDamaged(path: string): Promise<unknown> {
  try {
    const store = openLmdbStore(path);
    const content = contentOf(store);
    await store.close();
    return content;
  } catch (error) {
    return error instanceof Failure ? `${error.code} ${error.message}` : String(error);
  }
}

describe("S5: a damaged file", () => {
  it("is refused when it is opened, wherever its rows are hit, or is unharmed", async () => {
    const folder = tempFolder();
    await writeStore(join(folder, "whole"));
    const whole = join(folder, "whole", "data.mdb");
    const original = openHere(join(folder, "whole"));
    const content = contentOf(original);
    await original.close();
    const bytes = readFileSync(whole);
    const pages = bytes.length / PAGE;
    const answers: unknown[] = [];
    for (let page = 0; page < pages; page += 1) {
      for (const offset of [0, 40, 2_000, 4_000]) {
        const path = join(folder, `hit-${page}-${offset}`);
        mkdirSync(path);
        writeFileSync(join(path, "data.mdb"), flipped(bytes, page * PAGE + offset, 32));
        // oxlint-disable-next-line no-await-in-loop -- one at a time
        answers.push(await openDamaged(path));
      }
    }
    const refusals = answers.filter((answer) => typeof answer === "string");
    expect(refusals.length).toBeGreaterThan(pages);
    expect(refusals.filter((text) => !REFUSED.test(text))).toEqual([]);
    // Where it was opened, the bytes were of a page that is free, or between the rows of one.
    const opened = answers.filter((answer) => typeof answer !== "string");
    expect(opened).toEqual(opened.map(() => content));
  });

  it.each([
    { title: "cut off in the middle", harm: (file: string) => truncateSync(file, 5 * 4_096) },
    { title: "cut off in its first page", harm: (file: string) => truncateSync(file, 100) },
    { title: "something else", harm: (file: string) => writeFileSync(file, "hello".repeat(5_000)) },
  ])("is refused when it is $title", async ({ harm }) => {
    const path = join(tempFolder(), "store");
    await writeStore(path);
    harm(join(path, "data.mdb"));
    expect(failureOf(() => openLmdbStore(path))).toMatch(/^STORE_DAMAGED /);
    // The lock was given back: the answer is the same again, not STORE_BUSY.
    expect(failureOf(() => openLmdbStore(path))).toMatch(/^STORE_DAMAGED /);
  });

  it("L3: is found out when the row is read, where it was too large to be read in full", async () => {
    const path = join(tempFolder(), "store");
    await writeStore(path);
    const file = join(path, "data.mdb");
    const text = readFileSync(file, "latin1");
    writeFileSync(file, text.replaceAll('"PostToolUse"', '"PostXoolUse"'), "latin1");
    const store = openLmdbStore(path, { fullCheckBytes: 0 });
    onTestFinished(async () => store.close());
    expect(failureOf(() => contentOf(store))).toMatch(/^STORE_DAMAGED /);
  });

  it.each([
    { title: "emptied", lose: (file: string) => truncateSync(file, 0) },
    { title: "gone", lose: (file: string) => rmSync(file) },
  ])("is refused when its file is $title: it is no new store", async ({ lose }) => {
    const path = tempFolder();
    await openLmdbStore(path).close();
    lose(join(path, "data.mdb"));
    expect(failureOf(() => openLmdbStore(path))).toMatch(/^STORE_DAMAGED .*there was a store/);
  });

  it("is replaced by its backup, which is for its owner alone in whatever folder", async () => {
    const folder = tempFolder();
    const path = join(folder, "store");
    await writeStore(path);
    const store = openLmdbStore(path);
    const content = contentOf(store);
    mkdirSync(join(folder, "backup"), { mode: 0o755 });
    await store.backup(join(folder, "backup"));
    await store.close();
    expect(statSync(join(folder, "backup", "data.mdb")).mode & 0o777).toBe(0o600);
    truncateSync(join(path, "data.mdb"), 5 * 4_096);
    copyFileSync(join(folder, "backup", "data.mdb"), join(path, "data.mdb"));
    expect(contentOf(openHere(path))).toEqual(content);
  });
});

describe("S5: a store of another format", () => {
  it("is refused when it is opened, with both formats named", async () => {
    const path = join(tempFolder(), "store");
    await openLmdbStore(path).close();
    const engine = lmdbEngine(path);
    engine.writeNow([
      { table: "meta", key: ["identity"], value: JSON.stringify({ format: 99, cluster: "x" }) },
    ]);
    await engine.close();
    expect(failureOf(() => openLmdbStore(path))).toMatch(/^STORE_FORMAT .*format 99.*reads 2/);
  });

  it("of the former one is read, and is of today's from then on", async () => {
    const path = join(tempFolder(), "store");
    const store = openLmdbStore(path);
    const { cluster } = store.head();
    await store.commit(commitOf({ summaries: [summaryRow("session/new", 1)] }));
    await store.close();
    const former = lmdbEngine(path);
    const old = summaryRow("session/old", 1);
    former.writeNow([
      { table: "meta", key: ["identity"], value: JSON.stringify({ format: 1, cluster }) },
      { table: "summaries", key: [old.address], value: JSON.stringify(old) },
    ]);
    await former.close();
    const opened = openLmdbStore(path);
    const found = [opened.head().cluster, [...opened.summaries()]];
    await opened.close();
    const engine = lmdbEngine(path);
    const identity: unknown = JSON.parse(engine.get("meta", ["identity"]) ?? "");
    await engine.close();
    expect(found).toEqual([cluster, [summaryRow("session/new", 1), old]]);
    expect(identity).toMatchObject({ format: 2, cluster });
  });
});

it("a backup into a file is refused with what to do, and the file is as it was", async () => {
  const folder = tempFolder();
  const store = openLmdbStore(join(folder, "lmdb"));
  onTestFinished(async () => store.close());
  writeFileSync(join(folder, "file"), "mine");
  await expect(store.backup(join(folder, "file"))).rejects.toMatchObject({
    code: "FOLDER_INVALID",
  });
  expect(readFileSync(join(folder, "file"), "utf8")).toBe("mine");
});

describe("a key that is too long", () => {
  it("L1: is refused with nothing of its batch written", async () => {
    const store = openHere(join(tempFolder(), "store"));
    const outcome = { type: "stale", code: "EPOCH_STALE", message: "old" } as const;
    const seen = ["first", "x".repeat(2_000)].map((id) => ({ id, at: 1, outcome }));
    await expect(store.commit(commitOf({ seen }))).rejects.toThrow(
      /a key of seen takes 2001 bytes/,
    );
    await store.commit(commitOf());
    expect(store.seen("first")).toBeUndefined();
  });
});

function flipped(bytes: Buffer, at: number, count: number): Buffer {
  const copy = Buffer.from(bytes);
  for (let n = at; n < at + count; n += 1) copy[n] = (copy[n] ?? 0) ^ 0xff;
  return copy;
}
