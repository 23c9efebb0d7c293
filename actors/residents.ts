import { LRUCache } from "lru-cache";
import type { Address, KindName } from "../machines/ids.ts";
import { splitAddress } from "../machines/ids.ts";
import type { Kind } from "../machines/kind.ts";
import type { Message } from "../machines/message.ts";
import type { Store } from "../storage/store.ts";
import type { Batch, Resident } from "./batch.ts";
import { upgraded } from "./charts.ts";
import { bearActor, wakeActor } from "./live-actor.ts";

// Residents
//
// The actors that are live: an LRU over the store (R10). Owns waking, bearing and forgetting.
//
//   A1. Forgetting an actor loses nothing: its row is in the store, or in the batch that touched it.
//   A2. A dropped actor is opened again from its last committed row.

export class Residents {
  readonly #cache: LRUCache<Address, Resident>;
  readonly #kinds: ReadonlyMap<KindName, Kind>;
  readonly #store: Store;

  constructor(options: { store: Store; kinds: ReadonlyMap<KindName, Kind>; max: number }) {
    this.#cache = new LRUCache({ max: options.max });
    this.#kinds = options.kinds;
    this.#store = options.store;
  }

  /**
   * The live actor, woken if need be; undefined for an unknown one.
   * Fails with SNAPSHOT_REFUSED when its row is not of today's chart.
   */
  find(address: Address, batch: Batch): Resident | undefined {
    const live = batch.resident(address) ?? this.#cache.get(address);
    if (live !== undefined) return live;
    const row = this.#store.snapshot(address);
    const kind = this.#kinds.get(splitAddress(address).kind);
    if (row === undefined || kind === undefined) return undefined;
    const resident: Resident = {
      address,
      kind,
      live: wakeActor(kind, upgraded(kind, row)),
      createdAt: row.createdAt,
      seq: row.seq,
      updatedAt: row.updatedAt,
      timers: row.timers,
      strikes: row.strikes,
      isQuarantined: row.isQuarantined,
      needsCheckpoint: row.version !== kind.version,
    };
    this.#cache.set(address, resident);
    return resident;
  }

  /** The same; undefined also for one whose row is refused. */
  findReadable(address: Address, batch: Batch): Resident | undefined {
    try {
      return this.find(address, batch);
    } catch {
      return undefined;
    }
  }

  /** A new actor; kept only once `keep` is called with it. */
  bear(kind: Kind, message: Message): Resident {
    const { id } = splitAddress(message.to);
    return {
      address: message.to,
      kind,
      live: bearActor(kind, { address: message.to, id, at: message.at }),
      createdAt: message.at,
      seq: 0,
      updatedAt: message.at,
      timers: {},
      strikes: 0,
      isQuarantined: false,
      needsCheckpoint: true,
    };
  }

  /** Keeps it live from now on: a newborn whose step went well, or one that was woken again after a step that threw. */
  keep(resident: Resident): void {
    this.#cache.set(resident.address, resident);
  }

  drop(address: Address): void {
    this.#cache.delete(address);
  }

  get size(): number {
    return this.#cache.size;
  }
}
