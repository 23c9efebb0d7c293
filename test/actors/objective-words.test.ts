import { expect, it } from "vitest";
import { Objectives } from "../support/objectives.ts";

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
