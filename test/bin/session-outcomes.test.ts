import { describe, expect, it } from "vitest";
import type { SessionView } from "../../http/session/view.ts";
import { beginning } from "../../bin/commands/session-outcomes.ts";
import { connected } from "../support/command-line.ts";
import { withProject, withSession } from "../support/http.ts";

function session(
  state: string,
  more: Partial<Pick<SessionView, "status" | "statusReason" | "wanted">> = {},
): SessionView {
  const told = { id: "app-1", wanted: "running", status: state, statusReason: "", ...more };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is looked at of it
  return { ...told, lifecycle: { state } } as SessionView;
}

describe("a session that is to begin", () => {
  it.each([
    {
      title: "has not yet, while it is spawning",
      is: "open",
      of: session("not_started", { status: "spawning" }),
    },
    { title: "has, once its agent works", is: "reached", of: session("working") },
    { title: "has, when its agent asks", is: "reached", of: session("needs_input") },
    {
      title: "has, when its agent is blocked",
      is: "reached",
      of: session("stuck", { statusReason: "awaiting_user_input" }),
    },
    { title: "has not yet, while it is in doubt", is: "open", of: session("detecting") },
    {
      title: "has not, when nobody can see it",
      is: "failed",
      of: session("stuck", { statusReason: "probe_failure" }),
    },
    {
      title: "has not, when its terminal was lost",
      is: "failed",
      of: session("terminated", { status: "killed" }),
    },
    {
      title: "has not, when it was killed meanwhile",
      is: "failed",
      of: session("terminated", { wanted: "closed" }),
    },
    {
      title: "has not, when it is being ended",
      is: "failed",
      of: session("not_started", { status: "spawning", wanted: "closing" }),
    },
  ])("$title", ({ of, is }) => {
    expect(beginning(of).is).toBe(is);
  });

  it("is not waited for any longer once somebody killed it", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    await withSession(server);
    await ao(["kill", "demo-1", "--wait"]);
    const release = server.outside.hold("launchTerminal");
    const waiting = ao(["restore", "demo-1", "--wait", "--timeout", "30"]);
    await expect
      .poll(async () => server.request("GET", "/sessions/demo-1"))
      .toMatchObject({ body: { wanted: "running" } });
    await server.request("POST", "/sessions/demo-1/kill", {});
    release();
    const { code, out } = await waiting;
    expect([code, out.startsWith("session demo-1: killed"), out]).toEqual([
      1,
      true,
      expect.not.stringContaining("begins again"),
    ]);
  });
});

it("those that were lost are brought back by --lost, but for those of which somebody took note", async () => {
  const { ao, server } = await connected();
  await withProject(server);
  for (const id of [await withSession(server), await withSession(server)]) {
    server.outside.panes.delete(id);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await server.system.observe("terminal", id, { process: "dead", epoch: 1, exitCode: 0 });
  }
  const ended = async (): Promise<string> => (await ao(["ls", "--all"])).out;
  await expect.poll(ended).toMatch(/demo-1 +killed +runtime lost[^]*demo-2 +killed +runtime lost/);
  await ao(["notices", "ack", "demo-2-n1"]);
  expect((await ao(["restore", "--lost"])).out).toMatch(/^session demo-1: /);
  await ao(["notices", "ack", "demo-1-n1"]);
  expect((await ao(["restore", "--lost"])).out).toBe(
    "1 were lost, and taken note of: ao restore demo-2",
  );
});
