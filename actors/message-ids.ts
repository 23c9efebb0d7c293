import type { Address, OrderId } from "../machines/ids.ts";

// Message ids
//
// The names that the daemon gives to messages of its own. Each is made of what it names, so that a repeat after a
// crash has the same name and is applied once (R3).

const RESULT = "result:";
const TIMER = "timer:";
const BOUNCE = "bounce:";
const MARK = "mark:";
const RETRY = "retry:";
const TIMER_TYPE = "timer.";
/**
 * Ids that only the daemon and its own probes may use: a stranger who could take one would make the real message look
 * like a repeat. `[A-Z_]+@` are places in the stream, which name what came without an id.
 */
const RESERVED =
  /^(?:[a-z]+\/[A-Za-z0-9_-]+#\d|(?:result|timer|cmd|http|hook|retry|quarantine|throw|bounce|mark|obs|terminal|runtime|workspace|refs|pulls):|[A-Z_]+@)/;

export function isReservedId(id: string): boolean {
  return RESERVED.test(id);
}

/** Names the firing of one armed timer; `seq` is the step that armed it. */
export function timerIdOf(address: Address, name: string, seq: number): string {
  return `${TIMER}${address}:${name}:${seq}`;
}

/** The timer whose firing a message is, the first or one that is tried again. */
export function timerNameOf(message: {
  readonly id: string;
  readonly type: string;
}): string | undefined {
  const isFiring = message.id.startsWith(TIMER) || isRetry(message.id);
  if (!isFiring || !message.type.startsWith(TIMER_TYPE)) return undefined;
  return message.type.slice(TIMER_TYPE.length);
}

/** Names the one result of an effect. */
export function resultIdOf(effect: OrderId): string {
  return `${RESULT}${effect}`;
}

export function isResult(id: string): boolean {
  return id.startsWith(RESULT);
}

/** Names the n-th time that a dead letter is tried again. */
export function retryIdOf(letter: number, n: number): string {
  return `${RETRY}${letter}.${n}`;
}

export function isRetry(id: string): boolean {
  return id.startsWith(RETRY);
}

/** Names the notice that an order's mail died; the sender gets it once. */
export function bounceIdOf(order: OrderId): string {
  return `${BOUNCE}${order}`;
}

/** Whether an id is a bounce: it is not bounced again. */
export function isBounce(id: string): boolean {
  return id.startsWith(BOUNCE);
}

/** Names a place in the stream that the daemon set itself, to know when it has read up to there. */
export function markIdOf(name: string): string {
  return `${MARK}${name}`;
}

export function isMark(id: string): boolean {
  return id.startsWith(MARK);
}

/** The order that a message with this id is the delivery of, or the result of. */
export function orderAnswered(messageId: string): OrderId | undefined {
  const id = isResult(messageId) ? messageId.slice(RESULT.length) : messageId;
  return isOrderId(id) ? id : undefined;
}

/** Whether an id names an order, and so the step that recorded it. */
export function isOrderId(id: string): id is OrderId {
  return /^[a-z]+\/[A-Za-z0-9_-]+#\d+\.\d+$/.test(id);
}

/**
 * The `Nats-Msg-Id` of what the daemon itself publishes: the id, a seal that no probe can know, and on what comes again
 * a stamp: the stream would take it for the first, which it has.
 */
export function sealedId(id: string, cluster: string, stamp?: number): string {
  return `${id}~${cluster}${stamp === undefined ? "" : `~${stamp}`}`;
}

/** The id without seal and stamp, the same each time; undefined when it is not sealed by this store. */
export function unsealedId(given: string | undefined, cluster: string): string | undefined {
  const seal = `~${cluster}`;
  const at = given?.lastIndexOf(seal) ?? -1;
  const isSealed = at !== -1 && /^(?:~\d+)?$/.test(given?.slice(at + seal.length) ?? "");
  return isSealed ? given?.slice(0, at) : undefined;
}
