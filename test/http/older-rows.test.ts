import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { splitAddress, type Address } from "../../machines/ids.ts";
import type { JsonObject } from "../../machines/json.ts";
import { newbornReview } from "../../machines/review/record.ts";
import { newbornSession } from "../../machines/session/record.ts";
import type { SnapshotRow } from "../../storage/store.ts";
import { commitOf } from "../storage/rows.ts";
import { served, withProject, withSession, type Served } from "../support/http.ts";

// R9 at the edge: a row that an older chart wrote is shown as its actor will read it, not as it lies there.

/** Members that the first version of a kind did not have, and what they are at rest. */
function addedSince({ address, createdAt: at }: SnapshotRow): JsonObject {
  const { kind, id } = splitAddress(address);
  const newborn: Partial<Record<typeof kind, object>> = {
    project: { nextObjective: 1, orchestrators: [], succession: null },
    session: newbornSession({ id, at }),
    terminal: { claim: null },
    workspace: { preserved: null },
    review: newbornReview(id),
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON, as it is stored
  return JSON.parse(JSON.stringify(newborn[kind] ?? {})) as JsonObject;
}

/** The row as the first version of its kind would have left it: without what is at rest and came later. */
function asOfFirst(row: SnapshotRow): SnapshotRow {
  const added = addedSince(row);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a snapshot
  const state = row.snapshot as unknown as { readonly context: JsonObject };
  const context = Object.fromEntries(
    Object.entries(state.context).filter(
      ([name, value]) =>
        name === "id" ||
        name === "createdAt" ||
        JSON.stringify(added[name]) !== JSON.stringify(value),
    ),
  );
  return { ...row, version: 1, definitionHash: "of old", snapshot: { ...state, context } };
}

/** Makes every row of the store one of the first versions; the answer is those that are no longer what they were. */
async function age({ system }: Served): Promise<Address[]> {
  const rows = system.store.snapshots({ limit: 99 });
  const snapshots = rows.filter((row) => row.version > 1).map(asOfFirst);
  await system.store.commit(commitOf({ books: system.store.head().books, snapshots }));
  return snapshots.map(({ address }) => address);
}

const SESSION = "demo-1";
const ROUTES = [
  "/projects",
  "/projects/demo",
  "/sessions",
  `/sessions/${SESSION}`,
  `/sessions/${SESSION}/messages`,
  `/sessions/${SESSION}/workspace`,
  `/sessions/${SESSION}/terminal`,
  `/sessions/${SESSION}/reviews`,
  `/sessions/${SESSION}/pr`,
  "/notices",
  "/board",
  "/actors",
  `/actors/session/${SESSION}`,
  `/actors/terminal/${SESSION}`,
  `/actors/workspace/${SESSION}`,
  "/actors/project/demo",
];

describe("R9: rows of older charts", () => {
  it("are shown as their actors will read them, by every route", async () => {
    const server = await served();
    await withProject(server);
    await withSession(server);
    await expect.poll(() => server.system.report().outbox).toBe(0);
    const told = async (): Promise<unknown[]> =>
      Promise.all(
        ROUTES.map(async (path) => {
          const answer = await server.request("GET", path);
          // But for when it was asked.
          const said: unknown = { ...answer.body, at: undefined };
          return [path, answer.status, said];
        }),
      );
    const before = await told();
    const aged = await age(server);
    expect(aged).toEqual(["project/demo", "session/demo-1", "terminal/demo-1", "workspace/demo-1"]);
    expect(await told()).toEqual(before);
  });

  it("are read in http/ by that one way", () => {
    const past = globSync("**/*.ts", { cwd: "http" }).filter((name) =>
      /\bstore\.snapshots?\(/.test(readFileSync(join("http", name), "utf8")),
    );
    expect(past).toEqual([]);
  });
});
