import { createHash } from "node:crypto";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import type { Json } from "../machines/json.ts";
import type { Kind, MachineState } from "../machines/kind.ts";
import type { SnapshotRow, Store } from "../storage/store.ts";

// Charts
//
// Guards the border between what was stored and the charts of today (R9): a snapshot of another machine, a newer
// version, or a chart that changed without a new version is refused; an older version is migrated by named functions.

const hashes = new WeakMap<Kind, string>();

/** SHA-256 of the chart: states, events, names of guards and actions; not of the functions behind the names. */
export function definitionHashOf(kind: Kind): string {
  const known = hashes.get(kind);
  if (known !== undefined) return known;
  const hash = createHash("sha256")
    .update(
      JSON.stringify(kind.machine.definition, (_, value: unknown) =>
        typeof value === "function" ? "fn" : value,
      ),
    )
    .digest("hex")
    .slice(0, 16);
  hashes.set(kind, hash);
  return hash;
}

const NOTE = "charts";
const Versions = z.record(z.string(), z.number());

/**
 * Writes down which charts have had the store. Fails with STORE_FORMAT when a newer one of a kind has: what that wrote
 * must be refused before anything is read, not actor by actor.
 */
export async function admitCharts(
  store: Pick<Store, "note" | "putNote">,
  kinds: Iterable<Kind>,
): Promise<void> {
  const noted = Versions.safeParse(store.note(NOTE)).data ?? {};
  const all = [...kinds];
  for (const { name, version } of all) {
    if ((noted[name] ?? 0) <= version) continue;
    throw new Failure(
      "STORE_FORMAT",
      `open the store: chart ${name} version ${noted[name]} has had it, this program has version ${version}; start the newer ao`,
    );
  }
  const now = { ...noted, ...Object.fromEntries(all.map(({ name, version }) => [name, version])) };
  if (JSON.stringify(now) !== JSON.stringify(noted)) await store.putNote(NOTE, now);
}

/**
 * The row as its actor will read it: in today's shape. One that has no way to it stays as it is stored; its actor is
 * refused, and whoever looks should see why.
 */
export function currentRow(kind: Kind, row: SnapshotRow): SnapshotRow {
  if (row.machine === kind.name && row.version === kind.version) return row;
  try {
    const snapshot = upgraded(kind, row);
    return { ...row, snapshot, version: kind.version, definitionHash: definitionHashOf(kind) };
  } catch {
    return row;
  }
}

/** The row's snapshot in today's shape. Fails with SNAPSHOT_REFUSED when there is no named way to it. */
export function upgraded(kind: Kind, row: SnapshotRow): Json {
  const refuse = (seen: string): never => {
    throw new Failure(
      "SNAPSHOT_REFUSED",
      `wake ${row.address} as ${kind.name} version ${kind.version}: ${seen}`,
    );
  };
  if (row.machine !== kind.name) return refuse(`its snapshot is of machine ${row.machine}`);
  if (row.version > kind.version) {
    return refuse(
      `its snapshot is of version ${row.version}, written by a newer ao; start that one`,
    );
  }
  if (row.version === kind.version) {
    if (row.definitionHash === definitionHashOf(kind)) return row.snapshot;
    return refuse(`its chart changed without a new version (${row.definitionHash} is stored)`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by our own persisted()
  let state = row.snapshot as unknown as MachineState;
  for (let from = row.version; from < kind.version; from += 1) {
    const migrate = kind.migrations?.[from];
    if (migrate === undefined) return refuse(`no migration from version ${from}`);
    state = migrate(state);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- migrations keep it JSON
  return state as unknown as Json;
}
