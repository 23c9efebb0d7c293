import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { openLmdbStore } from "../../storage/lmdb-store.ts";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import type { Store } from "../../storage/store.ts";
import { parsed, type Case } from "./cases.ts";
import type { Difference } from "./expectation.ts";
import { RecordShape } from "./record.ts";
import { played } from "./scenarios.ts";
import { Stage } from "./stage.ts";

// Parity
//
// The same steps on both stores: in memory, and LMDB on disk. They must leave the same record.

const Given = z.strictObject({ record: RecordShape, steps: z.array(z.unknown()) });
const Expect = z.strictObject({ sameOnBothStores: z.boolean() });
// Both begin as the model's insert does.
const BORN = { activity: "active", activitySource: "native", lastActivityAtSec: 0 } as const;
const KEYS = [
  "revision",
  "session",
  "reason",
  "runtime",
  "runtimeReason",
  "prState",
  "prReason",
  "prNumber",
  "prUrl",
  "activity",
  "activitySource",
  "lastActivityAtSec",
  "memory",
  "display",
];

/** Whether a case compares the stores. */
export function isParity({ expect }: Case): boolean {
  return "sameOnBothStores" in expect;
}

export async function runParity(one: Case): Promise<Difference[]> {
  const { record, steps } = parsed(Given, one.given, "given");
  const { sameOnBothStores } = parsed(Expect, one.expect, "expect");
  const disk = memoryDisk();
  const folder = mkdtempSync(join(tmpdir(), "ao-conformance-"));
  try {
    const given = { record: { ...BORN, ...record }, steps };
    const inMemory = await leftBy(() => memoryStore({ disk }), given);
    const onDisk = await leftBy(() => openLmdbStore(folder), given);
    const isSame = JSON.stringify(inMemory) === JSON.stringify(onDisk);
    if (isSame === sameOnBothStores) return [];
    return [{ key: "sameOnBothStores", expected: sameOnBothStores, got: { inMemory, onDisk } }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function leftBy(
  openStore: () => Store,
  given: Parameters<typeof played>[1],
): Promise<unknown[]> {
  const stage = new Stage({ openStore, projectId: given.record?.projectId ?? "proj" });
  try {
    const seen = await played(stage, given);
    if (stage.troubles.length > 0) throw new Error(`trouble: ${String(stage.troubles[0])}`);
    return KEYS.map((key) => seen[key]);
  } finally {
    await stage.stop();
  }
}
