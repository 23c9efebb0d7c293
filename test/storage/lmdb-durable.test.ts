import { existsSync, readFileSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { DATA_FILE } from "../../storage/lmdb-engine.ts";
import { openLmdbStore } from "../../storage/lmdb-store.ts";
import { tempFolder } from "../support/folder.ts";
import { busyCommit } from "./rows.ts";

const MAPS = "/proc/self/smaps";
/** Of `statfs`: file systems that are memory alone, where every page is dirty for ever. */
const IN_MEMORY: readonly number[] = [0x01_02_19_94, 0x85_84_58_f6];
// Linux tells of each page that a process has mapped whether it has reached the disk.
const canTell = existsSync(MAPS) && !IN_MEMORY.includes(statfsSync(tmpdir()).type);

/** What this process has mapped of a file, KiB: all of it, and the part that is not on the disk. */
function mappedOf(file: string): { readonly all: number; readonly dirty: number } {
  const areas = readFileSync(MAPS, "utf8")
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .filter((area) => area.slice(0, area.indexOf("\n")).endsWith(file))
    .join("");
  const sum = (name: RegExp): number =>
    [...areas.matchAll(name)].reduce((total, [, kib]) => total + Number(kib), 0);
  return { all: sum(/^Rss: +(\d+)/gm), dirty: sum(/^(?:Shared|Private)_Dirty: +(\d+)/gm) };
}

describe("S2: a commit that has resolved", () => {
  it.each(canTell ? [{ messages: 12 }, { messages: 1_200 }] : [])(
    "has left no page of its file that is in memory only ($messages messages)",
    async ({ messages }) => {
      const path = join(tempFolder(), "store");
      const file = join(path, DATA_FILE);
      const store = openLmdbStore(path);
      onTestFinished(async () => store.close());
      for (const number of [1, 2, 3]) {
        await store.commit(busyCommit(number, { messages, actors: 6 }));
        // A page is mapped once it was read.
        store.log({ after: 0, limit: Infinity });
        store.snapshots({ limit: 99 });
        const { all, dirty } = mappedOf(file);
        expect(all).toBeGreaterThan(0);
        expect(dirty).toBe(0);
      }
    },
  );
});
