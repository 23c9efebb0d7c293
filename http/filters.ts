import { Failure } from "../machines/failures.ts";
import type { KindName } from "../machines/ids.ts";
import { stateNames } from "./chart/chart.ts";
import type { Edge } from "./edge.ts";

/** Fails with MALFORMED when no actor, or none of the kind, can be in the state: a slip would find nothing in silence. */
export function checkState(
  edge: Edge,
  { state, kind }: { readonly state?: string | undefined; readonly kind?: KindName | undefined },
): void {
  if (state === undefined) return;
  const kinds = [...edge.system.kinds.values()].filter(({ name }) => (kind ?? name) === name);
  if (kinds.some((each) => stateNames(each).has(state))) return;
  throw new Failure("MALFORMED", `querystring/state: no ${kind ?? "actor"} has a state ${state}`);
}
