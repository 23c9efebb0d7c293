import type { Json } from "../machines/json.ts";
import type { SnapshotRow } from "../storage/store.ts";

/** The value and context of a stored snapshot; empty ones when it is not one. */
export function stateOf({ snapshot }: SnapshotRow): {
  value: Json;
  context: Record<string, unknown>;
} {
  const isState = typeof snapshot === "object" && snapshot !== null && "value" in snapshot;
  if (!isState) return { value: null, context: {} };
  return { value: snapshot["value"] ?? null, context: recordOf(snapshot["context"]) };
}

/** What was stored as a record; an empty one when it is none. By hand: a board asks it of every line. */
export function recordOf(value: unknown): Record<string, unknown> {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- asked in the line before
  return isRecord ? (value as Record<string, unknown>) : {};
}
