import { describe, expect, it } from "vitest";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import type { Commit } from "../../storage/store.ts";
import { PLACES } from "./places.ts";
import { commitOf } from "./rows.ts";

/** A commit of the message with this number, which builds on the one before. */
function link(received: number): Commit {
  const books = { received, applied: received, duplicate: 0, stale: 0, dead: 0 };
  return commitOf({ after: received - 1, books, position: { stream: "mail", seq: received } });
}

describe.each(PLACES)("$name store", ({ makePlace }) => {
  it("refuses a commit that builds on one it does not have, and goes on with one that it does", async () => {
    const store = makePlace().open();
    await store.commit(link(1));
    const [missing, next, twice] = await Promise.allSettled([
      store.commit(link(3)),
      store.commit(link(2)),
      store.commit(link(2)),
    ]);
    expect([missing, next, twice]).toMatchObject([
      { status: "rejected", reason: { code: "STORE_BUSY", isRetryable: true } },
      { status: "fulfilled" },
      { status: "rejected", reason: { code: "STORE_BUSY" } },
    ]);
    expect(store.head()).toMatchObject({ position: { seq: 2 }, books: { received: 2 } });
    await store.commit(link(3));
    expect(store.head().position).toEqual({ stream: "mail", seq: 3 });
  });
});

it("a commit asked for as soon as the one before has failed does not take its place", async () => {
  const disk = memoryDisk();
  const store = memoryStore({ disk });
  disk.failNextWrite();
  const failed = store.commit(link(1));
  const late: Promise<void>[] = [];
  // At every turn at which the failure may be known to the store and not yet to who asked.
  for (let turn = 0; turn < 12; turn += 1) {
    await Promise.resolve();
    late.push(store.commit(link(2)));
  }
  const settled = await Promise.allSettled([failed, ...late]);
  expect(settled.map(({ status }) => status)).toEqual(settled.map(() => "rejected"));
  expect(store.head().position).toBeUndefined();
});
