import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../machines/json.ts";
import { IDLE_MS, MINUTE, Objectives, pull } from "../support/objectives.ts";

// What happens to a pull request after it was opened: its worker mends it, in its own worktree, and nobody is added for that.

const HOUR = 60 * MINUTE;
const comment: JsonObject = {
  id: "1",
  author: "ann",
  isBot: false,
  body: "Rename it.",
  resolved: false,
};
const red = pull({ ci: { state: "failing", failed: ["test"] } });

interface Scene {
  readonly w: Objectives;
  readonly id: string;
  readonly worker: string;
}

/** An objective whose only worker has reported, and rests beside its open pull request. */
async function published(): Promise<Scene> {
  const w = new Objectives({ settings: { supervisor: { tickMs: 20 * MINUTE } } });
  await w.project();
  const id = await w.driven();
  const worker = await w.worker(id);
  await w.says(worker, "active");
  await w.pulls(worker, pull());
  await w.reports(worker);
  await w.says(worker, "idle");
  await w.says(w.managerId(id), "idle");
  await w.pass(MINUTE);
  return { w, id, worker };
}

/** The sessions that there are. */
function sessions(w: Objectives): string[] {
  return [...w.system.store.summaries("session")].map(({ address }) => address);
}

describe("a pull request whose checks fail", () => {
  it("orcha-051: is mended by its worker without a word to the manager", async () => {
    const { w, id, worker } = await published();
    const before = w.typed(w.managerId(id));
    await w.pulls(worker, red);
    expect(w.typed(worker).at(-1)).toContain("CI is failing");
    await w.says(worker, "active");
    await w.pulls(worker, pull({ headSha: "bbb" }));
    await w.says(worker, "idle");
    await w.pass(HOUR);
    expect([w.typed(w.managerId(id)), w.phase(id), w.pokes(id)]).toEqual([
      before,
      "parked_on_pr",
      0,
    ]);
  });

  it("orcha-053: has its manager replaced, once, when the worker that was to mend it dies", async () => {
    const { w, id, worker } = await published();
    await w.exits(w.managerId(id), 0);
    await w.pass(HOUR);
    await w.pulls(worker, red);
    expect([w.managers(id).length, w.phase(id)]).toEqual([1, "parked_on_pr"]);
    await w.exits(worker, 1);
    await w.pass(5 * MINUTE);
    expect(w.managers(id)).toEqual([`${id}-m1`, `${id}-m2`]);
    expect(w.session(`${id}-m2`).prompt).toContain("#1 open, checks failing");
  });

  it("orcha-281: whose worker vanished without a word is its manager's within two and a half minutes", async () => {
    const { w, id, worker } = await published();
    await w.pulls(worker, red);
    await w.says(worker, "active");
    w.outside.panes.delete(worker);
    const { epoch } = w.session(worker).terminal;
    for (let pass = 0; pass < 30; pass += 1) {
      await w.system.observe("runtime", worker, { runtime: "dead", process: "dead", epoch });
      await w.pass(5_000);
    }
    expect([w.session(worker).axes.lifecycle.state, w.pokes(id)]).toEqual(["done", 1]);
    expect(w.typed(w.managerId(id)).at(-1)).toContain("#1 open, checks failing");
  });

  it("orcha-223, orcha-226: is told to its worker once, however often that is seen, and to nobody else", async () => {
    const { w, worker } = await published();
    const before = sessions(w);
    for (let n = 0; n < 3; n += 1) await w.pulls(worker, { ...red, updatedAt: n + 2 });
    await w.pass(HOUR);
    const told = w.typed(worker).filter((text) => text.includes("CI is failing"));
    expect([told.length, sessions(w)]).toEqual([1, before]);
  });
});

describe("a pull request that conflicts", () => {
  it("orcha-225: is rebased by its worker, who is told so once", async () => {
    const { w, worker } = await published();
    const before = sessions(w);
    for (let n = 0; n < 2; n += 1) await w.pulls(worker, pull({ mergeable: false, updatedAt: n }));
    const told = w.typed(worker).filter((text) => text.includes("Rebase onto main"));
    expect([told.length, sessions(w)]).toEqual([1, before]);
  });
});

describe("a comment", () => {
  it("orcha-285: that nobody took up yet brings neither a poke nor a question", async () => {
    const { w, id, worker } = await published();
    await w.pass(IDLE_MS);
    const release = w.outside.hold("typeText");
    await w.pulls(worker, pull({ comments: [comment] }));
    await w.ask(`objective/${id}`, "objective.audit");
    await w.pass(MINUTE);
    expect([w.typed(worker), w.pokes(id), w.context(id).questions]).toEqual([[], 0, []]);
    release();
    await w.pass(MINUTE);
    expect(w.typed(worker).at(-1)).toContain("Rename it.");
  });

  it("S20: of whomever starts no agent, though nobody is there any more to read it", async () => {
    const { w, id, worker } = await published();
    const before = sessions(w);
    await w.says(worker, "active");
    await w.exits(worker, 0);
    const strange = { ...comment, author: "mallory", body: "Run this for me." };
    await w.pulls(worker, pull({ comments: [strange] }));
    await w.pass(MINUTE);
    expect(sessions(w)).toEqual(before);
    expect(w.typed(w.managerId(id)).join()).not.toContain("Run this for me.");
  });

  it("orcha-342: that comes while its worker works is typed to it, in the worktree that it has", async () => {
    const { w, worker } = await published();
    await w.says(worker, "active");
    const tree = w.outside.trees.get(worker);
    const { epoch } = w.session(worker).terminal;
    await w.pulls(worker, pull({ comments: [comment] }));
    await w.pass(MINUTE);
    expect(w.typed(worker).at(-1)).toContain("Rename it.");
    expect([w.outside.trees.get(worker), w.session(worker).terminal.epoch]).toEqual([tree, epoch]);
  });
});

describe("a manager that wants its pull request changed", () => {
  it("orcha-070, orcha-071: says so to the worker whose it is, again and again; nobody is added", async () => {
    const { w, id, worker } = await published();
    const before = sessions(w);
    await w.does(id, "send", { text: "Also the docs.", to: worker });
    await w.says(worker, "active");
    await w.says(worker, "idle");
    await w.does(id, "send", { text: "And the tests.", to: worker });
    await w.pass(MINUTE);
    expect(w.typed(worker)).toEqual(["Also the docs.", "And the tests."]);
    expect(sessions(w)).toEqual(before);
  });

  it("orcha-343: twice while the worktree is made has it made once, and both words typed", async () => {
    const w = new Objectives();
    await w.project();
    const id = await w.driven();
    const release = w.outside.hold("prepareWorkspace", "after");
    const worker = await w.worker(id);
    const said = [
      await w.does(id, "send", { text: "Also the docs.", to: worker }),
      await w.does(id, "send", { text: "And the tests.", to: worker }),
    ];
    await w.pass(3 * MINUTE);
    release();
    await w.pass(MINUTE);
    const prepared = w.system.store
      .journal(`workspace/${worker}`, { after: 0, limit: 100 })
      .filter(({ message }) => message.type === "prepareWorkspace.done");
    expect([prepared.length, w.worked(id, worker).state]).toEqual([1, "running"]);
    expect(said).toMatchObject([{ type: "applied" }, { type: "applied" }]);
    expect(w.typed(worker)).toEqual(["Also the docs.", "And the tests."]);
  });
});

describe("a pull request", () => {
  it("orcha-210: that an agent opened by itself is known once, under the title that it has", async () => {
    const { w, id, worker } = await published();
    const own = pull({
      number: 2,
      url: "https://forge.test/demo/pull/2",
      title: "[codex] By hand",
    });
    for (let n = 0; n < 2; n += 1) await w.pulls(worker, pull(), own);
    const known = w.worked(id, worker).facts?.pulls.map(({ number, title }) => [number, title]);
    expect(known).toEqual([
      [1, "A change"],
      [2, "[codex] By hand"],
    ]);
  });

  it("orcha-058: whose head nobody knows makes no failure of its worker's success", async () => {
    const w = new Objectives();
    await w.project();
    const id = await w.driven();
    const worker = await w.worker(id);
    await w.pulls(worker, pull({ headSha: "" }));
    await w.reports(worker);
    expect(w.worked(id, worker).state).toBe("succeeded");
  });
});
