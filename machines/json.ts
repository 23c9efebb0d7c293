/** What survives a trip through JSON. Everything in a message, an order or a snapshot is this. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** A JSON object. `undefined` members are dropped on the way out. */
export type JsonObject = { readonly [key: string]: Json | undefined };
