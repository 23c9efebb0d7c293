import { describe, expect, it } from "vitest";
import type { Address } from "../../machines/ids.ts";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import { failureOf } from "./failure-of.ts";
import { commitOf, snapshotRow } from "./rows.ts";

const a: Address = "session/a";

function batch(number: number) {
  return commitOf({
    position: { stream: "mail-1", seq: number },
    snapshots: [snapshotRow(a, number)],
  });
}

describe("a crash", () => {
  it("S2: takes what was not flushed, and leaves what was", async () => {
    const disk = memoryDisk();
    const store = memoryStore({ disk });
    await store.commit(batch(1));
    disk.hold();
    const lost = store.commit(batch(2));
    disk.crash();
    const next = memoryStore({ disk });
    await next.commit(commitOf());
    const first = await Promise.race([
      lost.then(() => "lost"),
      next.commit(commitOf()).then(() => "next"),
    ]);
    expect([next.snapshot(a)?.seq, next.head().position?.seq, first]).toEqual([1, 1, "next"]);
  });

  it("ends the store that had the disk", async () => {
    const disk = memoryDisk();
    const store = memoryStore({ disk });
    disk.crash();
    memoryStore({ disk });
    expect(failureOf(() => store.snapshot(a))).toMatch(/^STORE_CLOSED /);
  });
});

describe("a disk that holds back", () => {
  it("S3: shows nothing of a commit until it is released", async () => {
    const disk = memoryDisk();
    const store = memoryStore({ disk });
    disk.hold();
    const done = store.commit(batch(1));
    expect(store.snapshot(a)).toBeUndefined();
    disk.release();
    await done;
    expect(store.snapshot(a)?.seq).toBe(1);
  });
});

describe("a write that fails", () => {
  it("Q2: fails every commit that was asked for before it was known, and moves nothing", async () => {
    const disk = memoryDisk();
    const store = memoryStore({ disk });
    await store.commit(batch(1));
    disk.failNextWrite();
    const results = await Promise.allSettled([2, 3, 4].map(async (n) => store.commit(batch(n))));
    expect(results).toMatchObject(
      results.map(() => ({ status: "rejected", reason: { code: "STORE_FULL" } })),
    );
    expect([store.snapshot(a)?.seq, store.head().position?.seq]).toEqual([1, 1]);
    await store.commit(batch(2));
    expect([store.snapshot(a)?.seq, store.head().position?.seq]).toEqual([2, 2]);
  });

  it("Q2: fails those that wait for the next transaction too", async () => {
    const disk = memoryDisk();
    const store = memoryStore({ disk });
    await store.commit(batch(1));
    disk.hold();
    disk.failNextWrite();
    const underWay = store.commit(batch(2));
    await Promise.resolve();
    await Promise.resolve();
    const results = Promise.allSettled([underWay, store.commit(batch(3)), store.commit(batch(4))]);
    disk.release();
    expect((await results).map(({ status }) => status)).toEqual(Array(3).fill("rejected"));
    expect([store.snapshot(a)?.seq, store.head().position?.seq]).toEqual([1, 1]);
  });
});
