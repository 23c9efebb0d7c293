import { expect, it } from "vitest";
import { fullDisk } from "../../bin/daemon/disk-room.ts";

const MIB_BLOCKS = 256;

it.each([
  { title: "no block is left", blocks: 0, isFull: true },
  { title: "less than a mebibyte is left", blocks: MIB_BLOCKS - 1, isFull: true },
  { title: "a mebibyte is left", blocks: MIB_BLOCKS, isFull: false },
])("a disk is full when $title: $isFull", ({ blocks, isFull }) => {
  const disk = { bsize: 4_096, blocks: 9_999, bfree: blocks, bavail: blocks };
  const told = fullDisk("/home/ao", () => disk);
  expect(told).toEqual(
    isFull ? "there is no space left on the disk of /home/ao: free some space" : undefined,
  );
});

it("one that cannot be looked at is not called full", () => {
  expect(fullDisk("/nowhere/at/all")).toBeUndefined();
  const silent = { bsize: 4_096, blocks: 0, bfree: 0, bavail: 0 };
  expect(fullDisk("/home/ao", () => silent)).toBeUndefined();
});
