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
