import { splitAddress, type Address, type KindName } from "../machines/ids.ts";
import type { Kind } from "../machines/kind.ts";
import type { JournalEntry, SnapshotRow, Store } from "../storage/store.ts";
import { upgraded } from "./charts.ts";
import { wakeActor, type LiveActor } from "./live-actor.ts";
import type { StateAt } from "./system.ts";

// Replay
//
// An actor as it was: the newest checkpoint before, and the steps since, taken again. Effects are not: a step only
// records (R4).

const PAGE = 256;

/** Undefined for an unknown actor, a seq that was never reached, or one whose checkpoint was pruned. */
export function stateAt(
  store: Store,
  { kinds, address, seq }: { kinds: ReadonlyMap<KindName, Kind>; address: Address; seq: number },
): StateAt | undefined {
  const kind = kinds.get(splitAddress(address).kind);
  const row = store.snapshot(address);
  if (kind === undefined || row === undefined || seq < 1 || seq > row.seq) return undefined;
  const start = store.checkpoint(address, seq);
  if (start?.checkpoint === undefined) return undefined;
  const actor = wakeActor(kind, upgraded(kind, rowAt(row, start)));
  for (const entry of stepsBetween(store, address, { after: start.seq, last: seq }))
    repeat(kind, actor, entry);
  return {
    address,
    seq,
    value: actor.state().value,
    // oxlint-disable-next-line typescript/no-unsafe-assignment -- each kind's context is JSON
    context: actor.state().context,
  };
}

/** The row as it stood when the checkpoint was taken. */
function rowAt(row: SnapshotRow, start: JournalEntry): SnapshotRow {
  return {
    ...row,
    version: start.checkpointVersion ?? row.version,
    seq: start.seq,
    snapshot: start.checkpoint ?? null,
  };
}

function* stepsBetween(
  store: Store,
  address: Address,
  { after, last }: { after: number; last: number },
): Iterable<JournalEntry> {
  let at = after;
  while (at < last) {
    const page = store.journal(address, { after: at, limit: Math.min(PAGE, last - at) });
    if (page.length === 0) return;
    yield* page;
    at = page.at(-1)?.seq ?? last;
  }
}

function repeat(kind: Kind, actor: LiveActor, entry: JournalEntry): void {
  // The host's own entries (a quarantine) are no steps of the machine.
  const schema = kind.accepts[entry.message.type];
  if (schema === undefined) return;
  actor.step({ ...entry.message, to: entry.address }, schema.parse(entry.message.data));
}
