/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { System } from "../../actors/system.ts";
import { Failure, type FailureCode } from "../../machines/failures.ts";
import { spoolProbe, SpooledMessage } from "../../probes/spool.ts";
import { commandLine, connected, pointTo, type CommandLine } from "../support/command-line.ts";
import { withProject, withSession, type Served } from "../support/http.ts";

const AGENT = { AO_SESSION_ID: "demo-1", AO_EPOCH: "1" };

function spooled({ home }: CommandLine): SpooledMessage[] {
  const folder = join(home, "spool");
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return names.map((name) =>
    SpooledMessage.parse(JSON.parse(readFileSync(join(folder, name), "utf8"))),
  );
}

async function activity(server: Served): Promise<unknown> {
  const entries = server.system.store.journal("session/demo-1", { after: 0, limit: 10 });
  const heard = entries.filter(({ message }) => message.type === "activity.observed");
  return Promise.resolve(heard.map(({ message }) => message.data));
}

describe("ao hook", () => {
  it.each([
    { harness: "claude-code", event: "SessionStart", input: {}, state: "active" },
    { harness: "claude-code", event: "user-prompt-submit", input: {}, state: "active" },
    {
      harness: "claude-code",
      event: "pre-tool-use",
      input: { tool_name: "Bash" },
      state: "active",
    },
    { harness: "claude-code", event: "stop", input: { session_id: "abc" }, state: "idle" },
    {
      harness: "claude-code",
      event: "notification",
      input: { message: "needs your permission" },
      state: "blocked",
    },
    {
      harness: "claude-code",
      event: "notification",
      input: { message: "is waiting for you" },
      state: "waiting_input",
    },
    { harness: "claude-code", event: "session-end", input: {}, state: "exited" },
    { harness: "command", event: "idle", input: {}, state: "idle" },
  ])("tells $event of $harness as $state", async ({ harness, event, input, state }) => {
    const { ao, server } = await connected();
    await withProject(server);
    await withSession(server);
    const env = { ...AGENT, AO_TOKEN: server.tokens.mint("demo-1", 1) };
    expect(await ao(["hook", harness, event], { input: JSON.stringify(input), env })).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    await expect
      .poll(async () => activity(server))
      .toMatchObject([{ state, source: "hook", event: `${harness}:${event}`, epoch: 1 }]);
  });

  it.each([
    {
      title: "an event that says nothing",
      args: ["hook", "claude-code", "odd"],
      input: "{}",
      env: AGENT,
    },
    { title: "no session", args: ["hook", "claude-code", "stop"], input: "{}", env: {} },
    {
      title: "input that is not JSON",
      args: ["hook", "claude-code", "notification"],
      input: "{",
      env: AGENT,
    },
    {
      title: "too much input",
      args: ["hook", "claude-code", "notification"],
      input: "x".repeat(2_000_000),
      env: AGENT,
    },
    {
      title: "a token that is no more",
      args: ["hook", "claude-code", "stop"],
      input: "{}",
      env: { ...AGENT, AO_TOKEN: "old" },
    },
    {
      title: "an unknown session",
      args: ["hook", "claude-code", "stop"],
      input: "{}",
      env: { AO_SESSION_ID: "nobody" },
    },
  ])("never breaks the agent: $title ends with 0 (H1)", async ({ args, input, env }) => {
    const line = await connected();
    await withProject(line.server);
    await withSession(line.server);
    const { code, out } = await line.ao(args, { input, env });
    expect([code, out, spooled(line)]).toEqual([0, "", []]);
  });

  it("keeps what it has to say while the daemon is down, and ends with 75", async () => {
    const line = commandLine();
    const { code } = await line.ao(["hook", "command", "idle"], { env: AGENT });
    expect(code).toBe(75);
    expect(spooled(line)).toMatchObject([
      { type: "observation", lane: "activity", to: "demo-1", data: { state: "idle", epoch: 1 } },
    ]);
  });

  it("gives up on a daemon that does not answer, and ends with 75 (H1)", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => {
      silent.close();
    });
    await new Promise((resolve) => {
      silent.once("listening", resolve);
    });
    const address = silent.address();
    const line = commandLine();
    pointTo(line.home, `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
    const { code } = await line.ao(["hook", "command", "idle"], { env: AGENT });
    expect([code, spooled(line).length]).toEqual([75, 1]);
  });
});

describe("ao report", () => {
  it.each([
    { code: "NOT_READY", ends: 75, kept: 1 },
    { code: "BUS_FULL", ends: 75, kept: 1 },
    { code: "SESSION_TERMINATED", ends: 1, kept: 0 },
  ] satisfies { code: FailureCode; ends: number; kept: number }[])(
    "ends with $ends when the daemon answers $code (B1)",
    async ({ code, ends, kept }) => {
      const line = await connected();
      await withProject(line.server);
      await withSession(line.server);
      const refuse: System["ask"] = async () => Promise.reject(new Failure(code, "not now"));
      Object.defineProperty(line.server.system, "ask", { value: refuse });
      const said = await line.ao(["report", "--summary", "Done."], { env: AGENT });
      expect([said.code, spooled(line).length]).toEqual([ends, kept]);
    },
  );

  it("is kept while the daemon is down, and applied once when it is back", async () => {
    const line = commandLine();
    const { code } = await line.ao(["report", "--summary", "Done."], { env: AGENT });
    expect([code, spooled(line)]).toMatchObject([
      75,
      [
        {
          type: "command",
          to: "session/demo-1",
          name: "session.report",
          data: { outcome: "succeeded" },
        },
      ],
    ]);
    const { server } = await connected();
    await withProject(server);
    await withSession(server);
    const stop = new AbortController();
    const drained = spoolProbe({
      folder: join(line.home, "spool"),
      publish: async (publication) => server.system.bus.publish(publication),
      signal: stop.signal,
    });
    await expect
      .poll(async () => (await server.request("GET", "/sessions/demo-1")).body)
      .toMatchObject({ report: { summary: "Done.", outcome: "succeeded" }, revision: 4 });
    stop.abort();
    await drained;
    expect(spooled(line)).toEqual([]);
  });

  it("speaks with the agent's own token, which other sessions do not hear", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    await withSession(server);
    await withSession(server);
    const env = { ...AGENT, AO_TOKEN: server.tokens.mint("demo-1", 1) };
    expect((await ao(["report", "--summary", "Done."], { env })).code).toBe(0);
    const other = await ao(["report", "--summary", "Done.", "--session", "demo-2"], { env });
    expect([other.code, other.err]).toEqual([1, expect.stringContaining("FORBIDDEN")]);
  });
});
