import { describe, expect, it } from "vitest";
import { IDLE_MS, MINUTE, Objectives } from "../support/objectives.ts";

const HOUR = 60 * MINUTE;

async function driven(): Promise<{ w: Objectives; id: string }> {
  const w = new Objectives({ settings: { supervisor: { tickMs: 20 * MINUTE } } });
  await w.project();
  return { w, id: await w.driven() };
}

async function asked(w: Objectives, id: string, by = w.by(id)): Promise<string> {
  const data = { question: "Keep the old API?", options: ["yes", "no"], by };
  const { questionId } = await w.must(`objective/${id}`, "objective.ask", data);
  await w.pass(0);
  return JSON.stringify(questionId).slice(1, -1);
}

const answer = async (w: Objectives, question: string, text = "yes"): Promise<void> => {
  await w.must(`question/${question}`, "question.answer", { answer: text });
  await w.pass(0);
};

describe("a question", () => {
  it("is pushed to a person, and open until it is answered", async () => {
    const { w, id } = await driven();
    const question = await asked(w, id);
    expect([...w.outside.notices.keys()]).toContain(question);
    expect(w.question(question)).toMatchObject({
      state: "open",
      asker: w.managerId(id),
      told: ["memory"],
    });
  });

  it("orcha-088, orcha-089, orcha-295, S1: of a manager is answered in its terminal, and stands in the next resume", async () => {
    const { w, id } = await driven();
    const question = await asked(w, id);
    await answer(w, question, "yes, keep it");
    const told = w.typed(w.managerId(id)).at(-1) ?? "";
    for (const text of [question, "Keep the old API?", "yes, keep it"])
      expect(told).toContain(text);
    expect(w.question(question).state).toBe("delivered");
    await w.exits(w.managerId(id), 1);
    await w.pass(2 * MINUTE);
    expect(w.session(w.managerId(id)).prompt).toContain("yes, keep it");
  });

  it("orcha-295: of a manager that died is answered to the next one", async () => {
    const { w, id } = await driven();
    const question = await asked(w, id);
    await w.exits(w.managerId(id), 1);
    await w.pass(HOUR);
    await answer(w, question, "no");
    await w.pass(2 * MINUTE);
    expect(w.session(w.managerId(id)).prompt).toContain("Keep the old API?");
    expect(w.managers(id)).toHaveLength(2);
  });

  it("holds only its asker: a manager that asked is not poked, and its workers go on", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await asked(w, id);
    await w.reports(worker);
    await w.says(w.managerId(id), "idle");
    await w.pass(4 * HOUR);
    expect([w.pokes(id), w.phase(id), w.worked(id, worker).state]).toEqual([
      0,
      "waiting_for_user",
      "succeeded",
    ]);
  });

  it("orcha-305, orcha-294, orcha-319: of a worker is answered in that worker's terminal", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    const question = await asked(w, id, { session: worker, epoch: 1 });
    await w.says(worker, "idle");
    await w.pass(10 * MINUTE);
    await answer(w, question, "use the old one");
    expect(w.typed(worker).at(-1)).toContain("use the old one");
    expect([w.question(question).state, w.session(worker).wanted]).toEqual([
      "delivered",
      "running",
    ]);
  });

  it("of a worker is what that worker rests for: its manager is not told of a turn without a result", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    const rests = (): number =>
      w.typed(w.managerId(id)).filter((text) => text.includes("without a result")).length;
    const question = await asked(w, id, { session: worker, epoch: 1 });
    await w.says(worker, "idle");
    await w.pass(HOUR);
    expect([w.worked(id, worker).state, w.phase(id), rests()]).toEqual([
      "asking",
      "waiting_for_workers",
      0,
    ]);
    await answer(w, question);
    await w.pass(2 * IDLE_MS - MINUTE);
    expect([w.worked(id, worker).state, rests()]).toEqual(["idle", 0]);
    await w.pass(MINUTE);
    expect(rests()).toBe(1);
  });

  it("orcha-086, orcha-306, S13: ends with the worker that asked it, and nothing waits for it any more", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    const question = await asked(w, id, { session: worker, epoch: 1 });
    await w.must(`session/${worker}`, "session.kill", {});
    await w.pass(MINUTE);
    expect(w.question(question).state).toBe("canceled");
    await w.says(w.managerId(id), "idle");
    await w.pass(IDLE_MS + MINUTE);
    expect(w.pokes(id)).toBe(1);
    const late = await w.ask(`question/${question}`, "question.answer", { answer: "yes" });
    expect(late).toMatchObject({ code: "QUESTION_ENDED" });
  });

  it("orcha-307: of a worker keeps no manager from being replaced", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await asked(w, id, { session: worker, epoch: 1 });
    await w.says(worker, "waiting_input");
    await w.exits(w.managerId(id), 1);
    await w.pass(2 * MINUTE);
    expect([w.managers(id).length, w.session(worker).wanted]).toEqual([2, "running"]);
  });

  it("takes one answer: the same again is no news, another is refused", async () => {
    const { w, id } = await driven();
    const question = await asked(w, id);
    await answer(w, question, "yes");
    expect(await w.ask(`question/${question}`, "question.answer", { answer: "yes" })).toMatchObject(
      { type: "applied" },
    );
    expect(await w.ask(`question/${question}`, "question.answer", { answer: "no" })).toMatchObject({
      code: "QUESTION_ENDED",
    });
    expect(w.typed(w.managerId(id))).toHaveLength(1);
  });

  it("is closed with its objective", async () => {
    const { w, id } = await driven();
    const question = await asked(w, id);
    await w.must(`objective/${id}`, "objective.cancel");
    await w.pass(0);
    expect(w.question(question).state).toBe("canceled");
  });
});
