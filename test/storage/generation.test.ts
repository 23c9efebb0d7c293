import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Engine } from "../../storage/engine.ts";
import { generationOf, unmark } from "../../storage/generation.ts";
import { lmdbEngine } from "../../storage/lmdb-engine.ts";
import { openLmdbStore } from "../../storage/lmdb-store.ts";
import { tempFolder } from "../support/folder.ts";
import { busyCommit } from "./rows.ts";

interface Place {
  readonly folder: string;
  readonly data: string;
  readonly noted: string;
  /** Opens and closes it. */
  readonly generation: () => Promise<string>;
}

function place(): Place {
  const folder = join(tempFolder(), "store");
  return {
    folder,
    data: join(folder, "data.mdb"),
    noted: join(folder, "created"),
    async generation() {
      const store = openLmdbStore(folder);
      await store.close();
      return store.generation;
    },
  };
}

/** A backup of it as it is now. */
async function backupOf({ folder }: Place): Promise<string> {
  const store = openLmdbStore(folder);
  const to = join(folder, "../backup");
  await store.backup(to);
  await store.close();
  return join(to, "data.mdb");
}

it("is the same whenever the store is opened again (E1)", async () => {
  const here = place();
  const first = await here.generation();
  const later = [await here.generation(), await here.generation()];
  expect([first === "", later]).toEqual([false, [first, first]]);
});

it.each([
  { title: "the store has its new mark", isWritten: true },
  { title: "the store has its old mark", isWritten: false },
])("is the same when the daemon is killed while $title (E2)", async ({ isWritten }) => {
  const here = place();
  const first = await here.generation();
  const engine = lmdbEngine(here.folder);
  const killed: Engine = {
    ...engine,
    writeNow: (ops) => {
      if (isWritten) engine.writeNow(ops);
      throw new Error("killed");
    },
  };
  expect(generationOf(killed, here.noted)).toBe(first);
  await engine.close();
  expect([await here.generation(), await here.generation()]).toEqual([first, first]);
});

it("is another one when a backup is put over the store, and stays that", async () => {
  const here = place();
  const first = await here.generation();
  const backup = await backupOf(here);
  copyFileSync(backup, here.data);
  const second = await here.generation();
  expect([second === first, await here.generation()]).toEqual([false, second]);
});

it("is another one when a backup is put where the store was", async () => {
  const here = place();
  const first = await here.generation();
  const backup = await backupOf(here);
  renameSync(here.folder, `${here.folder}.old`);
  mkdirSync(here.folder);
  copyFileSync(backup, here.data);
  expect(await here.generation()).not.toBe(first);
});

it("is another one when the file of an earlier day is put back", async () => {
  const here = place();
  const first = await here.generation();
  copyFileSync(here.data, `${here.data}.kept`);
  expect(await here.generation()).toBe(first);
  copyFileSync(`${here.data}.kept`, here.data);
  expect(await here.generation()).not.toBe(first);
});

it("is another one when nothing is left of the file beside the store, or it cannot be read", async () => {
  const here = place();
  const found = [await here.generation()];
  writeFileSync(here.noted, "{");
  found.push(await here.generation());
  rmSync(here.noted);
  found.push(await here.generation());
  expect(new Set(found).size).toBe(3);
});

it("is the one without a name for a store of before, until that is replaced (E3)", async () => {
  const here = place();
  await here.generation();
  const engine = lmdbEngine(here.folder);
  unmark(engine);
  await engine.close();
  writeFileSync(here.noted, "");
  const found = [await here.generation(), await here.generation()];
  copyFileSync(await backupOf(here), here.data);
  const restored = await here.generation();
  expect([...found, restored === ""]).toEqual(["", "", false]);
});

it("is no part of a backup: that holds what the store held", async () => {
  const here = place();
  const store = openLmdbStore(here.folder);
  await store.commit(busyCommit(0));
  const to = join(here.folder, "../backup");
  await store.backup(to);
  const copy = openLmdbStore(to);
  const found = [copy.head(), copy.generation === store.generation];
  const expected = [store.head(), false];
  await copy.close();
  await store.close();
  expect(found).toEqual(expected);
});
