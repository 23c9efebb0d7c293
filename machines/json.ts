/** What survives a trip through JSON. Everything in a message, an order or a snapshot is this. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

const encoder = new TextEncoder();

/** How many bytes it takes on the bus. */
export function bytesOf(value: Json): number {
  return encoder.encode(JSON.stringify(value)).length;
}

/** A JSON object. `undefined` members are dropped on the way out. */
export type JsonObject = { readonly [key: string]: Json | undefined };

const HALF = /\\u[dD][89a-fA-F]/;

/**
 * The same JSON with each half of a character replaced (U+FFFD): who cuts a text in the middle of one writes such halves,
 * and many a reader of JSON refuses all that one stands in. What is no JSON is given back as it is.
 */
export function withoutHalves(json: string): string {
  if (!HALF.test(json)) return json;
  try {
    const whole: unknown = JSON.parse(json, (_key, value: unknown) =>
      typeof value === "string" ? value.toWellFormed() : value,
    );
    return JSON.stringify(whole);
  } catch {
    return json;
  }
}
