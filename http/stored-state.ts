import { z } from "zod";
import type { Json } from "../machines/json.ts";
import type { SnapshotRow } from "../storage/store.ts";

const Context = z.record(z.string(), z.unknown()).catch({});

/** The value and context of a stored snapshot; empty ones when it is not one. */
export function stateOf({ snapshot }: SnapshotRow): {
  value: Json;
  context: Record<string, unknown>;
} {
  const isState = typeof snapshot === "object" && snapshot !== null && "value" in snapshot;
  if (!isState) return { value: null, context: {} };
  return { value: snapshot["value"] ?? null, context: Context.parse(snapshot["context"]) };
}
