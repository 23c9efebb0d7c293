import { endWords } from "../machines/session/status.ts";
import type { SnapshotRow } from "../storage/store.ts";
import { sessionView } from "./session/view.ts";

/** Why the session of a manager ended, in its own words where it has some; "" when it is not known any more. */
export function deathOf(row: SnapshotRow | undefined): string {
  if (row === undefined) return "";
  const { trouble, terminal, lifecycle, report } = sessionView(row);
  const ended = endWords({ ...terminal, reason: lifecycle.reason, trouble });
  const [said = ""] = report?.summary.split("\n") ?? [];
  return said === "" ? ended : `${ended}; it said: ${said}`;
}
