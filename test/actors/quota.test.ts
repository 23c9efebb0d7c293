import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../machines/json.ts";
import { COOLDOWN_MS, IDLE_MS, MINUTE, Objectives } from "../support/objectives.ts";

const HOUR = 60 * MINUTE;

async function driven(
  config: JsonObject = {},
): Promise<{ w: Objectives; id: string; manager: string }> {
  const w = new Objectives();
  await w.project(config);
  const id = await w.driven();
  return { w, id, manager: w.managerId(id) };
}

/** The agent's turn ends at a limit that is over after so long. */
async function limited(w: Objectives, session: string, ms: number): Promise<void> {
  await w.says(session, "active");
  await w.says(session, "idle", { event: "stop-failure", limitedUntil: w.clock.now() + ms });
}

const GO_ON = "The limit of your harness was reset. Go on where you stopped.";

describe("a manager whose harness has reached a limit", () => {
  it("orcha-304, S8: is not poked, says until when it waits, and is told to go on once when that is over", async () => {
    const { w, id, manager } = await driven();
    await limited(w, manager, 3 * HOUR);
    const until = w.clock.now() + 3 * HOUR;
    expect(w.context(id).standing).toMatchObject({ phase: "waiting_for_quota", nextAt: until });
    await w.pass(3 * HOUR - 1);
    expect([w.phase(id), w.pokes(id), w.typed(manager)]).toEqual(["waiting_for_quota", 0, []]);
    await w.pass(1);
    expect(w.typed(manager)).toEqual([GO_ON]);
    await w.says(manager, "active");
    expect(w.phase(id)).toBe("turn_running");
    await w.pass(30 * MINUTE);
    expect(w.typed(manager)).toEqual([GO_ON]);
  });

  it("burns no budget, and is no death (V3)", async () => {
    const { w, id, manager } = await driven();
    for (let n = 0; n < 20; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one limit after the other
      await limited(w, manager, HOUR);
      // oxlint-disable-next-line no-await-in-loop
      await w.pass(HOUR);
    }
    expect([w.managers(id), w.context(id).lives, w.context(id).pokes]).toEqual([[manager], [], []]);
  });

  it("is poked like any other when it was told to go on and did nothing", async () => {
    const { w, id, manager } = await driven();
    await limited(w, manager, HOUR);
    await w.pass(HOUR + IDLE_MS - 1_000);
    expect(w.pokes(id)).toBe(0);
    await w.pass(COOLDOWN_MS + 2_000);
    expect(w.pokes(id)).toBe(1);
  });

  it("that goes on before its time is over is told nothing (P-2)", async () => {
    const { w, id, manager } = await driven();
    await limited(w, manager, 3 * HOUR);
    await w.pass(HOUR);
    await w.says(manager, "active");
    expect(w.phase(id)).toBe("turn_running");
    await w.pass(3 * HOUR);
    expect(w.typed(manager)).not.toContain(GO_ON);
  });

  it("is not given what comes meanwhile until it is over, and then all of it in order (P-1)", async () => {
    const { w, id, manager } = await driven();
    const worker = await w.worker(id);
    await limited(w, manager, HOUR);
    await w.reports(worker, "All done.");
    await w.pass(HOUR - 1);
    expect(w.typed(manager)).toEqual([]);
    await w.pass(1);
    await w.says(manager, "active");
    await w.says(manager, "idle");
    await w.pass(MINUTE);
    expect(w.typed(manager).join("\n")).toContain("All done.");
    expect(w.typed(manager).filter((text) => text === GO_ON)).toHaveLength(1);
  });

  it("rests also where only its screen tells, as Codex does (W-6)", async () => {
    const w = new Objectives();
    await w.project({ manager: { harness: "codex" } });
    const id = await w.objective();
    const manager = w.managerId(id);
    await w.says(manager, "active");
    const words = "You've hit your usage limit. Upgrade to Pro or try again in 3 hours.";
    w.outside.screens.set(manager, { rests: true, limit: { words, zone: "UTC" } });
    await w.pass(15 * MINUTE);
    expect([w.phase(id), w.pokes(id)]).toEqual(["waiting_for_quota", 0]);
    await w.pass(2 * HOUR + 56 * MINUTE);
    expect(w.typed(manager)).toEqual([GO_ON]);
  });

  it("goes on by itself though the daemon is killed meanwhile, and once", async () => {
    const { w, manager } = await driven();
    await limited(w, manager, HOUR);
    await w.restart();
    await w.pass(30 * MINUTE);
    await w.restart();
    await w.pass(30 * MINUTE);
    await w.restart();
    await w.pass(MINUTE);
    expect(w.typed(manager)).toEqual([GO_ON]);
  });

  it("is an agent that rests like any other where its project has switched that off (P-3)", async () => {
    const { w, id, manager } = await driven({ quotaPause: false });
    await limited(w, manager, 3 * HOUR);
    expect(w.phase(id)).toBe("turn_ended");
    await w.pass(IDLE_MS + COOLDOWN_MS);
    expect(w.pokes(id)).toBe(1);
  });
});

it("an agent that rests at a limit rests no more when its project switches that off meanwhile (P-3)", async () => {
  const { w, id, manager } = await driven();
  await limited(w, manager, 3 * HOUR);
  expect(w.phase(id)).toBe("waiting_for_quota");
  const worker = { harness: "command", command: ["true"] };
  await w.must("project/demo", "project.configure", { config: { worker, quotaPause: false } });
  expect(w.phase(id)).toBe("turn_ended");
  await w.pass(IDLE_MS + COOLDOWN_MS);
  expect(w.pokes(id)).toBe(1);
  await w.pass(3 * HOUR);
  expect(w.typed(manager)).not.toContain(GO_ON);
});

describe("a worker whose harness has reached a limit", () => {
  it("counts as progress until then, is told of to nobody, and goes on by itself", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await limited(w, worker, 5 * HOUR);
    await w.pass(5 * HOUR - 1);
    expect([w.phase(id), w.pokes(id), w.typed(w.managerId(id))]).toEqual([
      "waiting_for_workers",
      0,
      [],
    ]);
    await w.pass(1);
    expect(w.typed(worker)).toEqual([GO_ON]);
    await w.says(worker, "active");
    await w.reports(worker);
    expect(w.worked(id, worker).state).toBe("succeeded");
  });

  it("holds back other starts of its harness, which say so, until then", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await limited(w, worker, HOUR);
    const other = await w.worker(id);
    expect(w.worked(id, other)).toMatchObject({ state: "waiting" });
    expect(w.worked(id, other).reason).toMatch(/^waiting for the limit of command to be reset at /);
    await w.pass(HOUR + MINUTE);
    expect(w.worked(id, other).state).toBe("running");
  });

  it("holds nobody back any more once it goes on before its time", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await limited(w, worker, 200 * HOUR);
    const other = await w.worker(id);
    expect(w.worked(id, other).reason).toMatch(/ to be reset at \d+ \w+ \d{4}, [\d:]+ UTC$/);
    await w.says(worker, "active");
    await w.pass(1_000);
    expect([w.root.quotas, w.worked(id, other).state]).toEqual([[], "running"]);
  });
});

it("a person's words reach an agent at its limit (P-1)", async () => {
  const { w, manager } = await driven();
  await limited(w, manager, HOUR);
  await w.must(`session/${manager}`, "session.send", { text: "Use the other account." });
  expect(w.typed(manager)).toEqual(["Use the other account."]);
});
