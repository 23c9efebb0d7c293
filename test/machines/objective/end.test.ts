import { describe, expect, it } from "vitest";
import { objectiveKind } from "../../../machines/objective/objective.ts";
import type { ObjectiveContext } from "../../../machines/objective/record.ts";
import { machineUnderTest, type MachineUnderTest } from "../../support/step.ts";
import { seen, settings, START } from "./lives.ts";

const kind = objectiveKind(settings);
const MANAGER = "mer-1-m1";
const WORKER = "mer-1-w1";

/** An objective that was ended before it heard of its manager and its worker. */
function ended(): MachineUnderTest<ObjectiveContext> {
  const objective = machineUnderTest<ObjectiveContext>(kind);
  objective.all(
    START,
    { type: "objective.worker", data: { title: "T", prompt: "P" } },
    { type: "slot.granted", data: { worker: WORKER } },
    { type: "objective.cancel" },
  );
  return objective;
}

describe("an objective that has ended", () => {
  it.each([
    { title: "its manager", session: MANAGER, role: "manager" },
    { title: "a worker", session: WORKER, role: "worker" },
  ])(
    "ends $title once more when its session began after the order to end it",
    ({ session, role }) => {
      const objective = ended();
      const { orders } = objective.send(seen(session, { kind: role }));
      const kill = { type: "mail", to: `session/${session}`, name: "session.kill" };
      expect(orders).toEqual([expect.objectContaining(kill)]);
      // A person may restore it later, to look at it.
      expect(objective.send(seen(session, { kind: role, runtime: "exited" })).orders).toEqual([]);
    },
  );

  it("has a supervisor that stops when its manager has ended, and replaces nobody", () => {
    const objective = machineUnderTest<ObjectiveContext>(kind);
    objective.all(START, seen(MANAGER, {}), { type: "objective.cancel" });
    expect(objective.now.context.supervisor.phase).toBe("stopping");
    const { context, orders } = objective.send(seen(MANAGER, { ended: "user" }));
    expect([context.supervisor.phase, context.lives, orders]).toEqual(["stopped", [], []]);
  });
});
