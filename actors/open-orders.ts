import { splitOrderId, type Address, type OrderId } from "../machines/ids.ts";

/** Which orders have not had their effect yet, by who gave them and by whom they are for: ids alone, the rows are in the store. */
export class OpenOrders {
  readonly #bySender = new Map<Address, Map<OrderId, Address | undefined>>();
  readonly #byRecipient = new Map<Address, Set<OrderId>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `to`: the actor that it is for, if any. False when it is open already. */
  add(id: OrderId, to: Address | undefined): boolean {
    const { address: from } = splitOrderId(id);
    const orders = this.#bySender.get(from) ?? new Map<OrderId, Address | undefined>();
    if (orders.has(id)) return false;
    this.#bySender.set(from, orders.set(id, to));
    this.#size += 1;
    if (to === undefined) return true;
    const own = this.#byRecipient.get(to) ?? new Set<OrderId>();
    this.#byRecipient.set(to, own.add(id));
    return true;
  }

  remove(id: OrderId): void {
    const { address: from } = splitOrderId(id);
    const orders = this.#bySender.get(from);
    const to = orders?.get(id);
    if (orders?.delete(id) !== true) return;
    this.#size -= 1;
    if (orders.size === 0) this.#bySender.delete(from);
    if (to === undefined) return;
    const own = this.#byRecipient.get(to);
    own?.delete(id);
    if (own?.size === 0) this.#byRecipient.delete(to);
  }

  /** How many an actor gave. */
  countFrom(address: Address): number {
    return this.#bySender.get(address)?.size ?? 0;
  }

  /** What an actor gave, oldest first. */
  from(address: Address): readonly OrderId[] {
    return [...(this.#bySender.get(address)?.keys() ?? [])];
  }

  /** What is for an actor, in the order in which it was given or, after a boot, in that of its senders. */
  to(address: Address): readonly OrderId[] {
    return [...(this.#byRecipient.get(address) ?? [])];
  }
}
