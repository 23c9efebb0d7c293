/* oxlint-disable typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Failure } from "../../machines/failures.ts";
import { connected, type CommandLine } from "../support/command-line.ts";
import { tempFolder } from "../support/folder.ts";
import { withProject, withSession } from "../support/http.ts";
import { pullFacts } from "../support/pulls.ts";

async function reviewed(): Promise<CommandLine> {
  const line = await connected({
    attach: (terminal) => ["echo", "at", terminal],
    capture: async (terminal, lines) => Promise.resolve(`${lines} lines of ${terminal}`),
  });
  await withProject(line.server);
  await withSession(line.server);
  const { server } = line;
  await server.system.observe("scm", "demo-1", { fetched: true, prs: [pullFacts()] });
  await server.request("POST", "/sessions/demo-1/reviews/trigger");
  await expect
    .poll(async () => (await server.request("GET", "/terminals/review-demo-1")).body)
    .toMatchObject({ id: "review-demo-1", epoch: 1, state: "live" });
  return line;
}

describe("the terminal of a reviewer", () => {
  it("is shown, sat down at, and offered by its id, as a session's own is", async () => {
    const { ao } = await reviewed();
    for (const id of ["demo-1", "review-demo-1"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await ao(["logs", id, "-n", "3"])).out).toBe(`3 lines of ${id}`);
      // oxlint-disable-next-line no-await-in-loop -- as above
      expect(await ao(["attach", id])).toMatchObject({ code: 0, out: `at ${id}` });
    }
    expect((await ao(["completion", "ids", "terminal"])).out.split("\n")).toEqual([
      "demo-1",
      "review-demo-1",
    ]);
    expect((await ao(["completion", "ids", "session"])).out).toBe("demo-1");
  });

  it("is missed in the words that were asked, with one line", async () => {
    const { ao } = await reviewed();
    expect(await ao(["logs", "review-nobody"])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^ao: there is no session\/review-nobody \(ACTOR_UNKNOWN\); /),
    });
    expect(await ao(["completion", "ids", "dog"])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/known kinds are session, terminal/),
    });
  });
});

it("says of a screen that is gone whether its agent has ended, and since when", async () => {
  const { ao, server } = await connected({
    capture: async () => Promise.reject(new Failure("PANE_GONE", "there is no such pane")),
  });
  await withProject(server);
  await withSession(server);
  expect((await ao(["logs", "demo-1"])).err).toContain("tmux has no such pane: ao doctor tells");
  await server.request("POST", "/sessions/demo-1/kill");
  await expect
    .poll(async () => (await ao(["logs", "demo-1"])).err)
    .toMatch(/its agent ended \d+s ago \(manually killed\), and its screen with it \(PANE_GONE\)/);
});

it.each([
  { title: "stands still", program: "exec sleep 600" },
  { title: "goes with it", program: 'while [ -e "$0" ]; do sleep 0.02; done' },
])("leaves a terminal that $title when its agent has ended, and says so", async ({ program }) => {
  const seat = join(tempFolder(), "taken");
  const { ao, server } = await connected({
    attach: () => ["sh", "-c", `: >"$0"; ${program}`, seat],
  });
  await withProject(server);
  await withSession(server);
  const attached = ao(["attach", "demo-1"]);
  await expect.poll(() => existsSync(seat)).toBe(true);
  await server.request("POST", "/sessions/demo-1/kill");
  rmSync(seat);
  expect(await attached).toMatchObject({
    code: 0,
    err: expect.stringMatching(/^demo-1 has ended: its agent ended \d+s ago \(manually killed\)$/m),
  });
});
