// The names of evidence are SHA-256, as in the model that this follows; a machine has no other way to one.

const FIRST = [2, 3, 5, 7, 11, 13, 17, 19];
const PRIMES = primes(64);
const ROUND_KEYS = PRIMES.map((prime) => fraction(Math.cbrt(prime)));

/** SHA-256 of the text in UTF-8, as 64 hex digits. */
export function sha256(text: string): string {
  const words = padded(bytesOf(text));
  let state = FIRST.map((prime) => fraction(Math.sqrt(prime)));
  for (let at = 0; at < words.length; at += 16) state = mixed(state, words.slice(at, at + 16));
  return state.map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n += 1) {
    if (found.every((prime) => n % prime !== 0)) found.push(n);
  }
  return found;
}

function fraction(root: number): number {
  return Math.floor((root % 1) * 2 ** 32) | 0;
}

function bytesOf(text: string): number[] {
  const escaped = encodeURIComponent(text.toWellFormed());
  const bytes: number[] = [];
  for (let at = 0; at < escaped.length; at += 1) {
    if (escaped[at] === "%") {
      bytes.push(Number.parseInt(escaped.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(escaped.charCodeAt(at));
  }
  return bytes;
}

/** The message as big-endian words, with its end marked and its length in bits last. */
function padded(bytes: readonly number[]): number[] {
  const count = Math.ceil((bytes.length + 9) / 64) * 16;
  const words = Array.from({ length: count }, () => 0);
  for (const [at, byte] of [...bytes, 0x80].entries()) {
    words[at >> 2] = (words[at >> 2] ?? 0) | (byte << (24 - (at % 4) * 8));
  }
  words[count - 2] = Math.floor((bytes.length * 8) / 2 ** 32);
  words[count - 1] = (bytes.length * 8) | 0;
  return words;
}

function turned(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

function mixed(state: readonly number[], block: readonly number[]): number[] {
  const schedule = [...block];
  const at = (index: number): number => schedule[index] ?? 0;
  for (let t = 16; t < 64; t += 1) {
    const low = turned(at(t - 15), 7) ^ turned(at(t - 15), 18) ^ (at(t - 15) >>> 3);
    const high = turned(at(t - 2), 17) ^ turned(at(t - 2), 19) ^ (at(t - 2) >>> 10);
    schedule.push((at(t - 16) + low + at(t - 7) + high) | 0);
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let t = 0; t < 64; t += 1) {
    const one = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const first = (h + one + ((e & f) ^ (~e & g)) + (ROUND_KEYS[t] ?? 0) + at(t)) | 0;
    const two = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const second = (two + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  return [a, b, c, d, e, f, g, h].map((word, index) => (word + (state[index] ?? 0)) | 0);
}
