import type { MachineState } from "../kind.ts";
import { newbornSession, type SessionContext } from "./record.ts";

/** A stored session of an older version, with what was added since at rest. */
export function withDefaults(state: MachineState): MachineState {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by an older session, so it lacks members only
  const context = state.context as Partial<SessionContext> &
    Pick<SessionContext, "id" | "createdAt">;
  const { id, createdAt } = context;
  return { ...state, context: { ...newbornSession({ id, at: createdAt }), ...context } };
}
