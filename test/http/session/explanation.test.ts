/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return, typescript/no-unsafe-call, typescript/no-unsafe-argument -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import type { Answer } from "../../support/http.ts";
import { served, withOrder, withProject, withSession, type Served } from "../../support/http.ts";
import { pullFacts } from "../../support/pulls.ts";
import { brittle } from "../../support/brittle.ts";
import { outside } from "../../support/outside.ts";

async function explanation(server: Served, id = "demo-1"): Promise<Answer["body"]> {
  return (await server.request("GET", `/sessions/${id}`)).body.explanation;
}

async function live(options: Parameters<typeof served>[0] = {}): Promise<Served> {
  const server = await served(options);
  await withProject(server);
  await withSession(server);
  return server;
}

async function say(server: Served, state: string): Promise<void> {
  await server.request("POST", "/sessions/demo-1/activity", { state, source: "hook" });
}

async function pull(server: Served, change: Parameters<typeof pullFacts>[0]): Promise<void> {
  await server.system.observe("scm", "demo-1", { fetched: true, prs: [pullFacts(change)] });
}

describe("a session", () => {
  it.each([
    { title: "a first word", act: async () => {}, is: /a word of its agent/ },
    {
      title: "its agent",
      act: async (on: Served) => say(on, "active"),
      is: /^its agent to go on$/,
    },
    {
      title: "a person to answer",
      act: async (on: Served) => say(on, "waiting_input"),
      is: /^you: answer it in its terminal, ao attach demo-1$/,
    },
    {
      title: "a person to look",
      act: async (on: Served) => say(on, "blocked"),
      is: /^you: look at its terminal/,
    },
    {
      title: "another look",
      act: async (on: Served) =>
        void (await on.system.observe("runtime", "demo-1", {
          runtime: "failed",
          process: "failed",
        })),
      is: /^another look at its terminal, after 1 in doubt$/,
    },
    {
      title: "checks",
      act: async (on: Served) => pull(on, { ci: { state: "pending" } }),
      is: /^the checks of pull request #1$/,
    },
    {
      title: "a review",
      act: async (on: Served) => pull(on, { reviewDecision: "required" }),
      is: /^a review of pull request #1$/,
    },
    {
      title: "a merge",
      act: async (on: Served) => pull(on, {}),
      is: /^you: merge pull request #1, ao pr merge demo 1$/,
    },
    {
      title: "a mend of its conflict",
      act: async (on: Served) => pull(on, { mergeable: false }),
      is: /^demo-1 to resolve the conflict of pull request #1$/,
    },
    {
      title: "somebody to put it away",
      act: async (on: Served) => {
        on.outside.end("demo-1");
        await on.system.observe("terminal", "demo-1", { process: "dead", epoch: 1, exitCode: 0 });
      },
      is: /ao restore demo-1 goes on, ao cleanup/,
    },
  ])("says that it waits for $title", async ({ act, is }) => {
    const server = await live();
    await act(server);
    await expect
      .poll(async () => (await explanation(server)).waitsFor)
      .toContainEqual(expect.stringMatching(is));
  });

  it.each(["prepareWorkspace", "launchTerminal"] as const)(
    "waits for %s, and shows the order and the timer that watches it",
    async (name) => {
      const world = outside();
      world.hold(name);
      const server = await served({ outside: world });
      await withProject(server);
      await withOrder(server);
      await expect
        .poll(async () => (await explanation(server)).waitsFor)
        .toEqual([
          name === "prepareWorkspace" ? "its worktree to be made" : "its terminal to start",
        ]);
      const { timers } = await explanation(server);
      expect(timers).toMatchObject([
        { name: "lease", what: "what it ordered must be answered", at: expect.any(Number) },
      ]);
    },
  );

  it("names a person for a review that takes no messages any more, and goes on meanwhile", async () => {
    const server = await live({
      kinds: (real) => brittle(real, { name: "review", action: "cancelRuns" }),
    });
    await server.request("PUT", "/sessions/demo-1/auto-inject-review", { autoInjectReview: false });
    for (let n = 0; n < 3; n += 1)
      await server.request("POST", "/sessions/demo-1/reviews/cancel", {});
    await expect
      .poll(async () => (await explanation(server)).waitsFor)
      .toContain("you: review/demo-1 takes no messages any more, ao release review/demo-1");
    await say(server, "active");
    await expect
      .poll(async () => (await explanation(server)).waitsFor)
      .toContain("its agent to go on");
    const { body } = await server.request("GET", "/notices");
    expect(body.notices.map(({ about }: { about: string }) => about)).toEqual(["review/demo-1"]);
  });

  it("waits for its end while it ends, and for nothing after it", async () => {
    const world = outside();
    const server = await live({ outside: world });
    const release = world.hold("destroyTerminal");
    await server.request("POST", "/sessions/demo-1/kill");
    expect((await explanation(server)).waitsFor).toEqual(["its terminal to end"]);
    release();
    await expect.poll(async () => (await explanation(server)).waitsFor).toEqual([]);
  });

  it("names a person for work that is kept", async () => {
    const server = await live();
    const tree = server.outside.trees.get("demo-1");
    if (tree !== undefined) server.outside.trees.set("demo-1", { ...tree, loss: "dirty" });
    await server.request("POST", "/sessions/demo-1/kill");
    await expect
      .poll(async () => (await explanation(server)).waitsFor)
      .toEqual([expect.stringMatching(/^you: its worktree is kept \(dirty.*\/worktrees\/demo-1$/)]);
  });

  it("tells its last five changes, the newest first, each with its cause", async () => {
    const server = await live();
    for (const state of ["active", "idle", "active", "waiting_input", "active", "idle"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await say(server, state);
    }
    await expect
      .poll(async () => (await server.request("GET", "/sessions/demo-1")).body.revision)
      .toBeGreaterThan(8);
    const { transitions } = await explanation(server);
    expect(transitions.map(({ changes }: { changes: string[] }) => changes.join())).toEqual([
      "lifecycle: working → idle,activity: active → idle",
      "lifecycle: needs_input → working,activity: waiting_input → active",
      "lifecycle: working → needs_input,activity: active → waiting_input",
      "lifecycle: idle → working,activity: idle → active",
      "lifecycle: working → idle,activity: active → idle",
    ]);
    const [{ message }] = transitions;
    expect(message).toMatchObject({ type: "activity.observed" });
    expect((await server.request("GET", `/causes/${message.id}`)).status).toBe(200);
  });

  it("tells what its state rests on, the newest first", async () => {
    const server = await live();
    await pull(server, {});
    await say(server, "active");
    // Of equal times none is the newer one.
    const said = Date.now();
    await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(said);
    await server.system.observe("workspace", "demo-1", {
      headSha: "b".repeat(40),
      branch: "ao/demo-1",
      dirty: true,
      unpushed: 2,
    });
    await expect
      .poll(async () => (await explanation(server)).evidence)
      .toMatchObject([
        { of: "worktree", says: "dirty, 2 commits not published" },
        { of: "activity", says: "active", source: "hook" },
        { of: "pull requests", says: "open (merge_ready)" },
        { of: "runtime", says: "alive (process_running)" },
      ]);
  });

  it("tells what its probe saw as long as its state rests on that", async () => {
    const server = await live();
    const runtime = async (): Promise<string> => {
      const { evidence } = await explanation(server);
      return evidence.find(({ of }: { of: string }) => of === "runtime").says;
    };
    const failed = { runtime: "failed", process: "failed", evidence: "tmux hangs" };
    await server.system.observe("runtime", "demo-1", failed);
    await expect.poll(runtime).toBe("probe_failed (probe_error): tmux hangs");
    await server.system.observe("runtime", "demo-1", { runtime: "alive", process: "alive" });
    await expect.poll(runtime).toBe("alive (process_running)");
  });

  it("tells of no process that is alive once it was done and then ended (W3)", async () => {
    const server = await live();
    await say(server, "active");
    await server.request("POST", "/sessions/demo-1/report", { summary: "Done." });
    await server.request("POST", "/sessions/demo-1/kill", {});
    const body = async (): Promise<Answer["body"]> =>
      (await server.request("GET", "/sessions/demo-1")).body;
    await expect
      .poll(async () => (await body()).runtime)
      .toEqual({ state: "exited", reason: "session_ended" });
    const { status, statusReason, explanation: why } = await body();
    expect([status, statusReason]).toEqual(["done", "research_complete"]);
    expect(why.evidence.map(({ of }: { of: string }) => of)).not.toContain("runtime");
  });

  it("counts its messages by state, and shows the last", async () => {
    const server = await live();
    await server.request("POST", "/sessions/demo-1/send", { text: "first" });
    await expect
      .poll(async () => (await explanation(server)).messages.counts)
      .toEqual({ delivered: 1 });
    await say(server, "blocked");
    await expect.poll(async () => (await explanation(server)).evidence[0].says).toBe("blocked");
    await server.request("POST", "/sessions/demo-1/send", { text: "second" });
    expect((await explanation(server)).messages).toMatchObject({
      counts: { delivered: 1, queued: 1 },
      last: [
        { text: "second", state: "queued" },
        { text: "first", state: "delivered" },
      ],
    });
  });
});
