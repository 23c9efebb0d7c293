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
