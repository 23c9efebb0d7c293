import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openLmdbStore } from "../../storage/lmdb-store.ts";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import type { Store } from "../../storage/store.ts";
import { tempFolder } from "../support/folder.ts";

/** One place for a store, as a disk is: what was flushed into it is there when it is opened again. */
export interface Place {
  open(): Store;
  openBackup(name: string): Store;
  folder(name: string): string;
}

function memoryPlace(): Place {
  const disk = memoryDisk();
  return {
    open: () => memoryStore({ disk }),
    openBackup: (name) => memoryStore({ disk: disk.backupIn(name) ?? memoryDisk() }),
    folder: (name) => name,
  };
}

function lmdbPlace(): Place {
  const folder = tempFolder();
  const stores: Store[] = [];
  const open = (name: string) => {
    const store = openLmdbStore(join(folder, name));
    stores.push(store);
    return store;
  };
  onTestFinished(async () => {
    await Promise.all(stores.map(async (store) => store.close()));
  });
  return { open: () => open("store.d"), openBackup: open, folder: (name) => join(folder, name) };
}

/** The same promises hold for every backend, so the same tests run on each. */
export const PLACES = [
  { name: "memory", makePlace: memoryPlace },
  { name: "lmdb", makePlace: lmdbPlace },
];
