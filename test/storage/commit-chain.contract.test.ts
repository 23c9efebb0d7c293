import { describe, expect, it } from "vitest";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import type { Commit } from "../../storage/store.ts";
import { PLACES } from "./places.ts";
import { commitOf } from "./rows.ts";

/** The commit with this number, which builds on the one before: of one more message, or of none (`received`). */
function link(number: number, received = number): Commit {
  const books = { received, applied: received, duplicate: 0, stale: 0, dead: 0 };
  return commitOf({ after: number - 1, books, position: { stream: "mail", seq: number } });
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

  it("takes one commit of no message for a link of the chain as well, also after it was opened again", async () => {
    const place = makePlace();
    const store = place.open();
    await store.commit(link(1, 0));
    await expect(store.commit(link(1, 0))).rejects.toMatchObject({ code: "STORE_BUSY" });
    await store.commit(link(2, 0));
    await store.close();
    const next = place.open();
    expect(next.head().commits).toBe(2);
    await next.commit(link(3, 1));
    expect(next.head()).toMatchObject({ commits: 3, books: { received: 1 } });
  });
});

it.each([
  { title: "a commit", received: 1 },
  { title: "a commit of no message", received: 0 },
])(
  "$title that failed has its place taken by none of those asked for since",
  async ({ received }) => {
    const disk = memoryDisk();
    const store = memoryStore({ disk });
    disk.failNextWrite();
    const failed = store.commit(link(1, received));
    const late: Promise<void>[] = [];
    // At every turn at which the failure may be known to the store and not yet to who asked.
    for (let turn = 0; turn < 12; turn += 1) {
      await Promise.resolve();
      late.push(store.commit(link(2, received)));
    }
    const settled = await Promise.allSettled([failed, ...late]);
    expect(settled.map(({ status }) => status)).toEqual(settled.map(() => "rejected"));
    expect(store.head().position).toBeUndefined();
  },
);
