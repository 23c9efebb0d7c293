import { describe, expect, it } from "vitest";
import { deathOf } from "../../http/deaths.ts";
import { objectiveView } from "../../http/objective/view.ts";
import { Failure } from "../../machines/failures.ts";
import { addressOf } from "../../machines/ids.ts";
import { COOLDOWN_MS, IDLE_MS, MINUTE, Objectives, pull } from "../support/objectives.ts";

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// Hours of ticks that find nothing would only make the tests slow.
const SLOW = { settings: { supervisor: { tickMs: 20 * MINUTE } } };

async function driven(prompt?: string): Promise<{ w: Objectives; id: string }> {
  const w = new Objectives(SLOW);
  await w.project();
  return { w, id: await w.driven(prompt) };
}

/** The manager crashes, and time passes until another one runs or nobody will. */
async function crash(w: Objectives, id: string, ms = 2 * MINUTE): Promise<void> {
  await w.exits(w.managerId(id), 1);
  await w.pass(ms);
}

/** Four managers that ran and crashed: the budget is used up. */
async function exhausted(): Promise<{ w: Objectives; id: string; question: string }> {
  const { w, id } = await driven();
  for (let n = 0; n < 4; n += 1) await crash(w, id);
  return { w, id, question: w.context(id).escalation?.questionId ?? "" };
}

describe("a manager that ended", () => {
  it("orcha-014: is replaced, once", async () => {
    const { w, id } = await driven();
    await crash(w, id);
    expect(w.managers(id)).toEqual([`${id}-m1`, `${id}-m2`]);
    expect([w.phase(id), w.context(id).lives.map(({ cause }) => cause)]).toEqual([
      "turn_running",
      ["crash"],
    ]);
    expect(w.root.repairs).toEqual({});
  });

  it("orcha-015, orcha-029: is replaced by one that is told the goal, that it resumes, and what is done", async () => {
    const { w, id } = await driven("Build the bridge.");
    const worker = await w.worker(id);
    await w.reports(worker, "The piers stand.");
    await crash(w, id);
    const { prompt, title } = w.session(w.managerId(id));
    expect(title).toContain("(resumed)");
    for (const said of [
      "Build the bridge.",
      "the manager before you has ended",
      "Do not redo finished work",
      "do not spawn again workers that already ran",
      "Drive the remainder to completion",
      "The piers stand.",
    ])
      expect(prompt).toContain(said);
  });

  it("orcha-027: is not replaced before the cooldown is over, and once after it", async () => {
    const { w, id } = await driven();
    await crash(w, id, MINUTE);
    expect(w.managers(id)).toHaveLength(2);
    const { orderedAt } = w.context(id).manager;
    await w.exits(w.managerId(id), 1);
    await w.pass(orderedAt + COOLDOWN_MS - w.clock.now() - 1);
    expect(w.managers(id)).toHaveLength(2);
    await w.pass(1);
    await w.pass(MINUTE);
    expect(w.managers(id)).toHaveLength(3);
  });

  it("orcha-328: is not replaced within the cooldown of the last poke, though the daemon was killed", async () => {
    const { w, id } = await driven();
    await w.pass(IDLE_MS);
    await w.exits(w.managerId(id), 1);
    await w.restart();
    await w.pass(COOLDOWN_MS - 1);
    expect(w.managers(id)).toHaveLength(1);
    await w.pass(MINUTE);
    expect(w.managers(id)).toHaveLength(2);
  });

  it("orcha-034: is replaced by one of the same harness", async () => {
    const w = new Objectives(SLOW);
    await w.project({ manager: { harness: "codex" } });
    const id = await w.driven();
    await w.must("project/demo", "project.configure", {
      config: {
        worker: { harness: "command", command: ["true"] },
        manager: { harness: "claude-code" },
      },
    });
    await crash(w, id);
    expect(w.session(w.managerId(id)).harness).toBe("codex");
  });

  it("orcha-035: gives its authority to the new one, at once and for good", async () => {
    const { w, id } = await driven();
    const old = w.by(id);
    await crash(w, id);
    expect(w.managerId(id)).toBe(`${id}-m2`);
    for (const [type, data] of [
      ["worker", { title: "T", prompt: "P" }],
      ["plan", { items: [] }],
      ["stop", { worker: "x" }],
      ["send", { text: "x" }],
      ["note", { text: "x" }],
      ["ask", { question: "x" }],
      ["done", { summary: "x" }],
    ] as const) {
      const outcome = await w.ask(`objective/${id}`, `objective.${type}`, { ...data, by: old });
      expect(outcome).toMatchObject({ type: "refused", code: "EPOCH_STALE" });
    }
  });

  it("orcha-023: is not missed while its pull request waits for a person: not now, not later, and nobody is asked", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.pulls(worker, pull());
    await w.reports(worker);
    await w.pass(MINUTE);
    await w.exits(w.managerId(id), 0);
    await w.pass(10 * HOUR);
    expect([w.managers(id).length, w.phase(id)]).toEqual([1, "parked_on_pr"]);
    expect(w.context(id).questions).toEqual([]);
  });

  it("orcha-024, orcha-048, orcha-308: is replaced by exactly one when its pull request is merged", async () => {
    const { w, id } = await driven("Ship it.");
    const worker = await w.worker(id);
    await w.pulls(worker, pull());
    await w.reports(worker);
    await w.pass(MINUTE);
    await w.exits(w.managerId(id), 0);
    await w.pass(HOUR);
    await w.pulls(worker, pull({ state: "merged" }));
    await w.ask(`objective/${id}`, "objective.audit");
    await w.pass(2 * MINUTE);
    expect(w.managers(id)).toHaveLength(2);
    const { prompt } = w.session(w.managerId(id));
    expect(prompt).toContain("Ship it.");
    expect(prompt).toContain("was merged");
    expect(prompt).toContain("ao objective done");
  });

  it("seed: is not missed while a worker makes progress, and replaced when that has ended", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.says(worker, "active");
    await w.exits(w.managerId(id), 1);
    await w.pass(HOUR);
    expect([w.managers(id).length, w.phase(id)]).toEqual([1, "waiting_for_workers"]);
    await w.reports(worker, "All there.");
    await w.pass(2 * MINUTE);
    expect(w.managers(id)).toHaveLength(2);
    expect(w.session(w.managerId(id)).prompt).toContain("All there.");
  });

  it("orcha-311, S12, S11: has its messages go to the next one, all of them, in order", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.exits(w.managerId(id), 1);
    await w.must(`objective/${id}`, "objective.send", { text: "first word" });
    await w.reports(worker, "a result");
    await w.must(`objective/${id}`, "objective.send", { text: "last word" });
    await w.pass(2 * MINUTE);
    const { prompt } = w.session(w.managerId(id));
    const places = ["first word", "a result", "last word"].map((text) => prompt.indexOf(text));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(prompt.lastIndexOf("a result")).toBeGreaterThan(prompt.indexOf("first word"));
    expect(prompt.indexOf("last word")).toBeGreaterThan(prompt.lastIndexOf("a result"));
    expect(w.context(id).inbox.every(({ state }) => state === "delivered")).toBe(true);
  });

  it("orcha-322: is replaced at once when a person has something to say, who is not turned away", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.says(worker, "active");
    await w.exits(w.managerId(id), 1);
    await w.pass(10 * MINUTE);
    await w.must(`objective/${id}`, "objective.send", { text: "please hurry" });
    await w.pass(MINUTE);
    expect(w.session(w.managerId(id)).prompt).toContain("please hurry");
  });
});

describe("the budget of managers", () => {
  it("orcha-016, orcha-017: is used up by four that ran and failed; one question is asked, with how it stands", async () => {
    const { w, id, question } = await exhausted();
    await w.pass(HOUR);
    expect([w.managers(id).length, w.phase(id)]).toEqual([4, "escalated"]);
    expect(w.question(question)).toMatchObject({ state: "open", kind: "escalation", asker: null });
    expect(w.question(question).context).toContain("No workers were spawned yet");
    expect(w.question(question).options).toEqual(["grant", "re-scope", "cancel"]);
    expect([...w.outside.notices.keys()]).toContain(question);
    const row = w.system.store.snapshot(`objective/${id}`);
    expect(row && objectiveView(row, w.clock.now()).budget).toMatchObject({
      managers: 4,
      spent: { crash: 4 },
    });
  });

  it("orcha-018: is asked about once, however often it is looked at", async () => {
    const { w, id } = await exhausted();
    for (let n = 0; n < 5; n += 1) {
      await w.ask(`objective/${id}`, "objective.audit");
      await w.pass(DAY);
    }
    expect(w.context(id).questions).toHaveLength(1);
  });

  it("orcha-019: is asked about again when the question was closed without an answer", async () => {
    const { w, id, question } = await exhausted();
    await w.must(`question/${question}`, "question.dismiss");
    await w.pass(2 * COOLDOWN_MS);
    const open = w.context(id).questions.filter(({ state }) => state === "open");
    expect([open.length, w.phase(id)]).toEqual([1, "escalated"]);
  });

  it("orcha-020, orcha-021, orcha-282: is not touched by those that never ran", async () => {
    const w = new Objectives(SLOW);
    await w.project();
    const restore = w.outside.hold("launchTerminal");
    w.outside.refuse("prepareWorkspace", new Failure("GIT_FAILED", "no space left on device"));
    const id = await w.objective();
    await w.pass(HOUR);
    restore();
    expect(w.context(id).lives.length).toBeGreaterThan(5);
    expect(w.context(id).lives.every(({ cause, hasRun }) => cause === "launch" && !hasRun)).toBe(
      true,
    );
    w.outside.allow("prepareWorkspace");
    await w.pass(15 * MINUTE);
    expect(w.phase(id)).toBe("turn_running");
    for (let n = 0; n < 3; n += 1) await crash(w, id, 15 * MINUTE);
    expect(w.phase(id)).toBe("turn_running");
    await crash(w, id);
    expect(w.phase(id)).toBe("escalated");
  });

  it("orcha-326: outlives an outage of half an hour, with attempts that come later each time", async () => {
    const w = new Objectives(SLOW);
    await w.project();
    w.outside.refuse("prepareWorkspace", new Failure("GIT_FAILED", "the host is away"));
    const id = await w.objective();
    await w.pass(30 * MINUTE);
    const times = w.context(id).lives.map(({ orderedAt }) => orderedAt);
    const gaps = times.slice(1).map((time, n) => time - (times[n] ?? 0));
    expect(gaps.at(-1)).toBeGreaterThan(gaps[0] ?? Infinity);
    w.outside.allow("prepareWorkspace");
    await w.pass(15 * MINUTE);
    expect([w.phase(id), w.context(id).questions]).toEqual(["turn_running", []]);
  });

  it("orcha-325: is not touched by clean ends of managers that did what they were woken for", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    const pulls = [1, 2, 3, 4, 5].map((n) =>
      pull({ number: n, url: `https://forge.test/demo/pull/${n}` }),
    );
    await w.pulls(worker, ...pulls);
    await w.reports(worker);
    for (let n = 0; n < 5; n += 1) {
      await w.exits(w.managerId(id), 0);
      await w.pass(HOUR);
      const now = pulls.map((each, m) => (m <= n ? { ...each, state: "merged" } : each));
      await w.pulls(worker, ...now);
      await w.pass(15 * MINUTE);
    }
    expect([w.managers(id).length, w.context(id).escalation]).toEqual([6, null]);
  });

  it("is used up by managers that end cleanly and did nothing", async () => {
    const { w, id } = await driven();
    for (let n = 0; n < 4; n += 1) {
      await w.exits(w.managerId(id), 0);
      await w.pass(10 * MINUTE);
    }
    expect(w.context(id).lives.map(({ cause }) => cause)).toEqual(Array(4).fill("no_progress"));
    expect(w.phase(id)).toBe("escalated");
  });

  it("orcha-327, S15: is one of a window, not of a lifetime", async () => {
    const w = new Objectives({ settings: { supervisor: { tickMs: HOUR, turnLeaseMs: 2 * DAY } } });
    await w.project();
    const id = await w.driven();
    for (let day = 0; day < 5; day += 1) {
      await crash(w, id);
      await w.says(w.managerId(id), "active");
      await w.pass(DAY);
    }
    expect([w.managers(id).length, w.context(id).escalation]).toEqual([6, null]);
  });

  it("is not touched by a person who ends a manager", async () => {
    const { w, id } = await driven();
    for (let n = 0; n < 6; n += 1) {
      await w.must(`session/${w.managerId(id)}`, "session.kill", {});
      await w.pass(15 * MINUTE);
    }
    expect([w.managers(id).length, w.context(id).escalation]).toEqual([7, null]);
    expect(w.context(id).supervisor.restarts).not.toHaveProperty("crash");
  });

  it("has a manager that ran and that a person ends as being in error as a crash, and tells so", async () => {
    const { w, id } = await driven();
    const first = w.managerId(id);
    await w.must(`session/${first}`, "session.kill", { kind: "error" });
    await w.pass(15 * MINUTE);
    const row = w.system.store.snapshot(`objective/${id}`);
    const whyOf = (session: string): string =>
      deathOf(w.system.store.snapshot(addressOf("session", session)));
    expect(row && objectiveView(row, w.clock.now(), whyOf).respawns).toMatchObject([
      { sessionId: first, cause: "crash", why: "error in process" },
    ]);
  });
});

describe("an answered escalation", () => {
  it("orcha-296, S5: grants a new budget to one new manager, which has the answer in its goal", async () => {
    const { w, id, question } = await exhausted();
    await w.must(`question/${question}`, "question.answer", { answer: "keep going, but slowly" });
    await w.pass(2 * MINUTE);
    expect([w.managers(id).length, w.phase(id)]).toEqual([5, "turn_running"]);
    expect(w.session(w.managerId(id)).prompt).toContain("keep going, but slowly");
    await w.pass(5 * MINUTE);
    expect(w.context(id).questions).toHaveLength(1);
    for (let n = 0; n < 3; n += 1) await crash(w, id, 10 * MINUTE);
    expect(w.phase(id)).not.toBe("escalated");
  });

  it("re-scopes the goal", async () => {
    const { w, id, question } = await exhausted();
    await w.must(`question/${question}`, "question.answer", {
      answer: "re-scope: only the north half",
    });
    await w.pass(2 * MINUTE);
    expect(w.context(id).prompt).toContain("Re-scoped by a person:\nonly the north half");
    expect(w.session(w.managerId(id)).prompt).toContain("only the north half");
  });

  it("cancels the objective", async () => {
    const { w, id, question } = await exhausted();
    await w.must(`question/${question}`, "question.answer", { answer: "cancel" });
    expect(w.phase(id)).toBe("canceled");
  });

  it("decides something, or is refused and the question stays open (Q4)", async () => {
    const { w, id, question } = await exhausted();
    const words = [
      "cancle",
      "gran",
      "Cancel it please",
      "grant it",
      "no",
      "re-scope",
      "re-scope :",
    ];
    for (const answer of words) {
      const refused = await w.ask(`question/${question}`, "question.answer", { answer });
      expect(refused).toMatchObject({
        code: "SHAPE_WRONG",
        message: `answer question ${question}: "${answer}" is none of: grant, re-scope: TEXT, cancel`,
      });
    }
    expect([w.question(question).state, w.phase(id)]).toEqual(["open", "escalated"]);
    await w.must(`question/${question}`, "question.answer", { answer: " Cancel\n" });
    expect(w.phase(id)).toBe("canceled");
  });
});

describe("a start that hangs", () => {
  it("orcha-303, S8: is taken back when its time is over, and made again", async () => {
    const w = new Objectives({ settings: { supervisor: { startMs: MINUTE } } });
    await w.project();
    const release = w.outside.hold("prepareWorkspace");
    const id = await w.objective();
    expect(w.phase(id)).toBe("starting");
    await w.pass(MINUTE);
    // The making is aborted, so nothing is left to wait for.
    expect([w.phase(id), w.session(`${id}-m1`).wanted]).toEqual(["recovering", "closed"]);
    await w.pass(2 * MINUTE);
    expect(w.context(id).lives[0]).toMatchObject({ cause: "infra", hasRun: false });
    release();
    await w.pass(5 * MINUTE);
    expect(w.phase(id)).toBe("turn_running");
    expect(w.managerId(id)).not.toBe(`${id}-m1`);
  });
});

it("orcha-030, orcha-323, S14: nothing is done for an objective that has ended, whatever happens to it", async () => {
  const { w, id } = await driven();
  const worker = await w.worker(id);
  await w.pulls(worker, pull());
  await w.must(`objective/${id}`, "objective.cancel");
  await w.pulls(worker, pull({ state: "merged" }));
  await w.pass(DAY);
  expect([w.managers(id).length, w.phase(id), w.context(id).wakeAt]).toEqual([1, "canceled", null]);
  for (const session of [worker, `${id}-m1`]) expect(w.session(session).wanted).toBe("closed");
});
