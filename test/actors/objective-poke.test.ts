import { describe, expect, it } from "vitest";
import { COOLDOWN_MS, IDLE_MS, MINUTE, Objectives, pull } from "../support/objectives.ts";

const HOUR = 60 * MINUTE;

/** An objective whose manager has ended its turn. */
async function idle(prompt?: string): Promise<{ w: Objectives; id: string; manager: string }> {
  const w = new Objectives({ settings: { supervisor: { tickMs: 5 * MINUTE } } });
  await w.project();
  const id = await w.driven(prompt);
  return { w, id, manager: w.managerId(id) };
}

/** The same, with one worker that runs. */
async function working(): Promise<{ w: Objectives; id: string; manager: string; worker: string }> {
  const world = await idle();
  const worker = await world.w.worker(world.id);
  await world.w.says(worker, "active");
  return { ...world, worker };
}

describe("an idle manager", () => {
  it("is poked once when its turn has been over for the idle time", async () => {
    const { w, id, manager } = await idle();
    await w.pass(IDLE_MS - 1);
    expect([w.pokes(id), w.phase(id)]).toEqual([0, "turn_ended"]);
    await w.pass(1);
    expect([w.pokes(id), w.phase(id), w.typed(manager).length]).toEqual([1, "poked", 1]);
    expect(w.root.repairs).toEqual({});
  });

  it("orcha-003: is not poked again at the time at which it was poked", async () => {
    const { w, id } = await idle();
    await w.pass(IDLE_MS);
    await w.ask(`objective/${id}`, "objective.audit");
    expect(w.pokes(id)).toBe(1);
  });

  it("orcha-005, orcha-025, orcha-033: is left alone while a worker runs, however long it is quiet", async () => {
    const { w, id } = await working();
    await w.pass(HOUR);
    expect([w.pokes(id), w.phase(id), w.managers(id).length]).toEqual([
      0,
      "waiting_for_workers",
      1,
    ]);
    expect(w.context(id).standing.nextAt).not.toBeNull();
  });

  it("orcha-007: is poked once though it was queued and started only a while ago", async () => {
    const { w, id, manager } = await idle();
    await w.pass(IDLE_MS + COOLDOWN_MS / 2);
    expect([w.pokes(id), w.typed(manager).length]).toEqual([1, 1]);
  });

  it("orcha-009: is told the next steps it may take", async () => {
    const { w, id, manager } = await idle();
    await w.pass(IDLE_MS);
    const [text = ""] = w.typed(manager);
    for (const step of ["done", "worker", "ask"])
      expect(text).toContain(`ao objective ${step} ${id}`);
  });

  it.each([
    { title: "orcha-011: an open one with passing checks", pr: pull() },
    {
      title: "orcha-012: an open one with an unresolved comment that its worker mends",
      pr: pull({
        comments: [{ id: "1", author: "ann", isBot: false, body: "no", resolved: false }],
      }),
    },
    { title: "orcha-031: a draft", pr: pull({ state: "draft" }) },
  ])("is not poked beside $title", async ({ pr }) => {
    const { w, id, worker } = await working();
    await w.pulls(worker, pr);
    await w.reports(worker);
    await w.says(w.managerId(id), "idle");
    await w.pass(4 * HOUR);
    expect([w.pokes(id), w.phase(id)]).toEqual([0, "parked_on_pr"]);
    expect(w.context(id).standing.reason).toContain("#1");
  });

  it.each([
    { title: "orcha-013: merged", state: "merged" },
    { title: "orcha-032: closed", state: "closed" },
  ])("is poked once when its only pull request was $title", async ({ state }) => {
    const { w, id, worker } = await working();
    await w.pulls(worker, pull());
    await w.reports(worker);
    await w.pulls(worker, pull({ state }));
    await w.says(w.managerId(id), "idle");
    await w.pass(IDLE_MS + MINUTE);
    expect(w.pokes(id)).toBe(1);
  });

  it("orcha-028: is told each worker with its state and a line, and each pull request with its checks", async () => {
    const { w, id, worker } = await working();
    const other = await w.worker(id, { title: "Another task" });
    await w.pulls(worker, pull({ title: "The change" }));
    await w.reports(worker, "First half.");
    await w.reports(other, "Second half.");
    await w.pulls(worker, pull({ title: "The change", state: "merged" }));
    await w.says(w.managerId(id), "idle");
    await w.pass(IDLE_MS + MINUTE);
    const text = w.typed(w.managerId(id)).at(-1) ?? "";
    expect(text).toContain(
      `${worker} "A task" (worker, succeeded: it reported its result): First half.`,
    );
    expect(text).toContain(
      `${other} "Another task" (worker, succeeded: it reported its result): Second half.`,
    );
    expect(text).toContain(
      '#1 merged, checks passing, review required, 0 unresolved: "The change"',
    );
  });

  it("orcha-037: is told a long goal cut at 6,000 characters, and that it is", async () => {
    const { w, manager } = await idle("g".repeat(20_000));
    await w.pass(IDLE_MS);
    const [text = ""] = w.typed(manager);
    expect(text.match(/g{100,}/)?.[0]).toHaveLength(6_000);
    expect(text).toContain("truncated");
  });

  it("orcha-039: is told of workers only, and that one reported nothing", async () => {
    const { w, id, worker } = await working();
    await w.exits(worker, 1);
    await w.exits(w.managerId(id), 1);
    await w.pass(2 * MINUTE);
    const { prompt } = w.session(w.managerId(id));
    expect(prompt).toContain("no summary reported");
    expect(prompt).not.toContain("(manager");
  });

  it("orcha-299: is not poked in a turn that shows nothing for five minutes", async () => {
    const { w, id, manager } = await idle();
    await w.says(manager, "active");
    await w.pass(5 * MINUTE);
    expect([w.pokes(id), w.phase(id)]).toEqual([0, "turn_running"]);
  });

  it("orcha-335: is not poked within the idle time after a result was given to it", async () => {
    const { w, id, worker } = await working();
    await w.pass(20 * MINUTE);
    await w.reports(worker);
    await w.pass(IDLE_MS - 1);
    expect([w.pokes(id), w.typed(w.managerId(id)).length]).toEqual([0, 1]);
    await w.pass(1);
    expect(w.pokes(id)).toBe(1);
  });

  it("orcha-300: is poked for what is left of its plan, though a pull request is open", async () => {
    const { w, id, worker } = await working();
    await w.pulls(worker, pull());
    await w.reports(worker);
    await w.does(id, "plan", { items: [{ title: "Slice A", done: true }, { title: "Slice B" }] });
    await w.says(w.managerId(id), "idle");
    await w.pass(IDLE_MS + MINUTE);
    expect(w.pokes(id)).toBe(1);
    expect(w.typed(w.managerId(id)).at(-1)).toContain("Slice B");
  });

  it("S7: is poked when a red pull request has nobody left to mend it", async () => {
    const { w, id, worker } = await working();
    await w.pulls(worker, pull({ ci: { state: "failing" } }));
    await w.reports(worker);
    await w.exits(worker, 0);
    await w.says(w.managerId(id), "idle");
    await w.pass(IDLE_MS + MINUTE);
    expect(w.pokes(id)).toBe(1);
  });

  it("S7: is poked when nothing moved a pull request for the time of the watchdog", async () => {
    const { w, id, worker } = await working();
    await w.pulls(worker, pull());
    await w.reports(worker);
    await w.says(w.managerId(id), "idle");
    await w.pass(23 * HOUR);
    expect(w.pokes(id)).toBe(0);
    await w.pass(2 * HOUR);
    expect(w.pokes(id)).toBeGreaterThan(0);
  });

  it("is not typed to while it waits at a prompt", async () => {
    const { w, id, manager } = await idle();
    await w.says(manager, "waiting_input");
    await w.pass(HOUR);
    expect([w.pokes(id), w.phase(id), w.typed(manager)]).toEqual([0, "waiting_for_user", []]);
  });

  it("orcha-328: is not poked again before the cooldown is over, though the daemon was killed", async () => {
    const { w, id } = await idle();
    await w.pass(IDLE_MS);
    await w.pass(10_000);
    await w.restart();
    await w.pass(COOLDOWN_MS - 10_001);
    expect(w.pokes(id)).toBe(1);
    await w.pass(1);
    await w.pass(COOLDOWN_MS);
    expect(w.pokes(id)).toBe(2);
  });

  it("orcha-314: whose poke could not be typed was not poked, and that is on record", async () => {
    const { w, id, manager } = await idle();
    w.outside.panes.delete(manager);
    await w.pass(IDLE_MS + MINUTE);
    expect(w.context(id).pokes.map(({ state }) => state)).not.toContain("delivered");
    expect(w.pokes(id)).toBe(0);
  });

  it("orcha-036, orcha-315: of one objective is poked while that of another cools down", async () => {
    const { w, id } = await idle();
    await w.pass(IDLE_MS / 2);
    const other = await w.driven();
    await w.pass(IDLE_MS / 2);
    expect([w.pokes(id), w.pokes(other)]).toEqual([1, 0]);
    await w.pass(IDLE_MS / 2);
    expect([w.pokes(id), w.pokes(other)]).toEqual([1, 1]);
  });
});

describe("pokes that nothing follows", () => {
  it("S6: come later each time, then the manager is replaced, then a person is asked, once", async () => {
    const { w, id, manager } = await idle();
    await w.pass(IDLE_MS);
    await w.says(manager, "active");
    await w.says(manager, "idle");
    await w.pass(IDLE_MS);
    expect([w.pokes(id), w.context(id).useless]).toEqual([1, 1]);
    await w.pass(COOLDOWN_MS);
    expect(w.pokes(id)).toBe(2);
    await w.says(manager, "active");
    await w.says(manager, "idle");
    await w.pass(4 * COOLDOWN_MS);
    await w.pass(2 * MINUTE);
    const second = w.managerId(id);
    expect([w.managers(id).length, w.context(id).lives[0]?.cause]).toEqual([2, "no_progress"]);
    for (let turn = 0; turn < 12; turn += 1) {
      await w.says(second, "active");
      await w.says(second, "idle");
      await w.pass(5 * MINUTE);
    }
    expect([w.phase(id), w.pokes(id), w.managers(id).length]).toEqual(["escalated", 4, 2]);
    expect(w.context(id).questions.map(({ kind, state }) => [kind, state])).toEqual([
      ["escalation", "open"],
    ]);
  });

  it("orcha-128: are told from those that something followed", async () => {
    const { w, id } = await idle();
    await w.pass(IDLE_MS);
    const worker = await w.worker(id);
    await w.reports(worker);
    await w.says(w.managerId(id), "active");
    await w.says(w.managerId(id), "idle");
    await w.pass(IDLE_MS + MINUTE);
    expect(w.context(id).pokes.map(({ outcome }) => outcome)).toEqual(["progress", "open"]);
    expect(w.context(id).useless).toBe(0);
  });

  it("orcha-313, S9: are whole for sixty workers, and point to the rest", async () => {
    const { w, id } = await idle();
    for (let n = 0; n < 60; n += 1) {
      const worker = await w.worker(id, { title: `Task ${n}` });
      await w.reports(worker, "r".repeat(1_000));
    }
    await w.says(w.managerId(id), "idle");
    await w.pass(IDLE_MS + MINUTE);
    const text = w.typed(w.managerId(id)).at(-1) ?? "";
    expect(text).toContain("and 40 more: ao objective show");
    expect(text.length).toBeLessThan(16_343);
  });

  it("reach a manager without hooks too, once it was silent for long, and says from what it was known", async () => {
    const w = new Objectives();
    await w.project();
    const id = await w.objective();
    await w.pass(9 * IDLE_MS);
    expect(w.pokes(id)).toBe(0);
    await w.pass(2 * IDLE_MS);
    expect([w.pokes(id), w.context(id).pokes[0]?.after]).toEqual([1, "silence"]);
  });
});
