import { crc32 } from "node:zlib";
import type { Key } from "./engine.ts";

// LMDB codec
//
// The bytes of keys and values. A number in a key takes 8 bytes that sort as the number does, a string its UTF-8 and a
// zero. A value is 4 bytes of CRC-32, over its key and its text, and the text.

/** The bytes of a key, which sort as N3 says. */
export function keyBytes(key: Key): Buffer {
  let length = 0;
  for (const part of key) length += typeof part === "number" ? 8 : Buffer.byteLength(part) + 1;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
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
  return bytes;
}

/** The bytes of a row's value. */
export function seal(key: Buffer, text: string): Buffer {
  const bytes = Buffer.from(`0000${text}`);
  bytes.writeUInt32LE(crc32(bytes.subarray(4), crc32(key)), 0);
  return bytes;
}

/** The text of a row's value; undefined when key and value are not those that were written. */
export function unseal(key: Buffer, bytes: Buffer): string | undefined {
  if (bytes.length < 4) return undefined;
  const isWhole = bytes.readUInt32LE(0) === crc32(bytes.subarray(4), crc32(key));
  return isWhole ? bytes.toString("utf8", 4) : undefined;
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
