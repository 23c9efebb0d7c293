import { expect, it } from "vitest";
import { objectiveView } from "../../http/objective/view.ts";
import type { ObjectiveEvent } from "../../machines/objective/protocol.ts";
import { stepObjective } from "../../machines/objective/step.ts";
import { Objectives } from "../support/objectives.ts";

function told(w: Objectives, id: string): string[] {
  const row = w.system.store.snapshot(`objective/${id}`);
  return row === undefined ? [] : objectiveView(row, 0).messages.map(({ state }) => state);
}

it("a message that its manager's session refuses is not sent over and over, and arrives later (I5)", async () => {
  const w = new Objectives();
  await w.project();
  const id = await w.driven();
  const manager = w.managerId(id);
  const release = w.outside.hold("typeText");
  let taken = 0;
  while (
    // oxlint-disable-next-line no-await-in-loop -- until its queue is full
    (await w.ask(`session/${manager}`, "session.send", { text: `word ${taken}` })).type ===
    "applied"
  ) {
    taken += 1;
  }
  expect(taken).toBeGreaterThan(10);
  void w.system.ask({
    to: `objective/${id}`,
    type: "objective.send",
    data: { text: "Keep the old API." },
  });
  await w.pass(5_000);
  expect(w.context(id).counts.sendings).toBeGreaterThan(1);
  expect(w.context(id).counts.sendings).toBeLessThanOrEqual(8);
  release();
  await w.pass(60_000);
  expect(w.typed(manager).join("\n")).toContain("Keep the old API.");
});

it("orcha-041: a worker is told by the first line of its result that says something, cut at 280 characters", async () => {
  const w = new Objectives();
  await w.project();
  const id = await w.driven();
  const one = await w.worker(id);
  await w.reports(one, "\n \n  It works.\n\nMore of it.");
  const two = await w.worker(id);
  await w.reports(two, "x".repeat(300));
  expect(w.worked(id, one).summary).toBe("It works.");
  expect(w.worked(id, two).summary).toBe("x".repeat(280));
});

it("tells of what was on its way when it ended whether it arrived, also when that is known later", async () => {
  const w = new Objectives();
  await w.project();
  const id = await w.driven();
  const manager = w.managerId(id);
  const release = w.outside.hold("typeText");
  await w.must(`objective/${id}`, "objective.send", { text: "Finish." });
  await w.pass(1);
  expect(told(w, id)).toEqual(["sending"]);
  const before = w.context(id);
  const event = { id: "m1", at: w.clock.now(), from: `session/${manager}` } as const;
  // oxlint-disable-next-line typescript/no-non-null-assertion -- it has spoken
  const facts = before.manager.facts!;
  const ref = before.inbox[0]?.ref ?? "";
  const after = [
    { ...event, type: "objective.done", data: { summary: "It is done.", outcome: "succeeded" } },
    { ...event, type: "member.seen", data: { facts, receipts: [{ ref, state: "delivered" }] } },
  ].reduce(
    (context, each) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written as its schema has it
      stepObjective(context, each as ObjectiveEvent, w.settings.supervisor).context,
    before,
  );
  expect([after.end?.state, after.inbox.map(({ state }) => state)]).toEqual([
    "done",
    ["delivered"],
  ]);
  await w.does(id, "done", { summary: "It is done." });
  release();
  await w.pass(60_000);
  expect(told(w, id)).toEqual(["undeliverable"]);
});
