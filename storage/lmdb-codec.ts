import { crc32 } from "node:zlib";
import type { Key } from "./engine.ts";

// LMDB codec
//
// The bytes of keys and values. A number in a key takes 8 bytes that sort as the number does, a string its UTF-8 and a
// zero. A value is its text and 4 bytes of CRC-32, over key and text.

const CHECK_BYTES = 4;
// A row's bytes lie in a slab with those of its neighbours: a buffer each costs more than what is in it.
const SLAB_BYTES = 65_536;

/** The bytes of a key, which sort as N3 says. */
export function keyBytes(key: Key): Buffer {
  const bytes = Buffer.allocUnsafe(sizeOf(key));
  writeKey(bytes, key, 0);
  return bytes;
}

/** Makes bytes of the rows of one write; a row without a text has no value. */
export function rowEncoder(): (key: Key, text?: string) => { key: Buffer; value?: Buffer } {
  let slab = Buffer.alloc(0);
  let at = 0;
  return (key, text) => {
    // A code unit takes at most three bytes.
    const room = sizeOf(key) + (text === undefined ? 0 : text.length * 3 + CHECK_BYTES);
    if (at + room > slab.length) {
      slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, room));
      at = 0;
    }
    const first = at;
    const middle = writeKey(slab, key, first);
    const keyPart = slab.subarray(first, middle);
    if (text === undefined) {
      at = middle;
      return { key: keyPart };
    }
    const last = middle + slab.write(text, middle);
    slab.writeUInt32LE(crc32(slab.subarray(first, last)), last);
    at = last + CHECK_BYTES;
    return { key: keyPart, value: slab.subarray(middle, at) };
  };
}

/** The text of a row's value; undefined when key and value are not those that were written. */
export function unseal(key: Buffer, bytes: Buffer): string | undefined {
  return isSealed(key, bytes) ? bytes.toString("utf8", 0, bytes.length - CHECK_BYTES) : undefined;
}

/** Whether key and value are those that were written. */
export function isSealed(key: Buffer, bytes: Buffer): boolean {
  const end = bytes.length - CHECK_BYTES;
  return end >= 0 && bytes.readUInt32LE(end) === crc32(bytes.subarray(0, end), crc32(key));
}

function sizeOf(key: Key): number {
  let size = 0;
  for (const part of key) size += typeof part === "number" ? 8 : Buffer.byteLength(part) + 1;
  return size;
}

/** Where the key ends. */
function writeKey(bytes: Buffer, key: Key, start: number): number {
  let at = start;
  for (const part of key) {
    if (typeof part === "number") {
      writeNumber(bytes, part, at);
      at += 8;
      continue;
    }
    at += bytes.write(part, at);
    bytes[at] = 0;
    at += 1;
  }
  return at;
}

// A double sorts as its bytes do once the sign is turned round, and for a negative one all the rest.
function writeNumber(bytes: Buffer, value: number, at: number): void {
  bytes.writeDoubleBE(value, at);
  const first = bytes[at] ?? 0;
  if (first < 0x80) {
    bytes[at] = first | 0x80;
    return;
  }
  for (let n = at; n < at + 8; n += 1) bytes[n] = ~(bytes[n] ?? 0);
}
