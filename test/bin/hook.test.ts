/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { System } from "../../actors/system.ts";
import { Failure, type FailureCode } from "../../machines/failures.ts";
import { reviewerTokens } from "../../http/tokens.ts";
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

const HOOK = fileURLToPath(new URL("../../bin/hook", import.meta.url));

/** Every file that waits in the spool. */
function waiting({ home }: CommandLine): string[] {
  const folder = join(home, "spool");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => !name.startsWith("."));
}

/** Drains a spool into a system until the test ends. */
function draining({ home }: CommandLine, server: Served): void {
  const stop = new AbortController();
  const drained = spoolProbe({
    folder: join(home, "spool"),
    publish: async (publication) => server.system.relay(publication),
    signal: stop.signal,
  });
  onTestFinished(async () => {
    stop.abort();
    await drained;
  });
}

/** Says something by bin/hook, as the `ao` on an agent's PATH does. */
async function say(
  { home }: CommandLine,
  args: readonly string[],
  { input = "{}", env = AGENT }: { input?: string; env?: Record<string, string> } = {},
) {
  const own = { PATH: process.env["PATH"], AO_HOME: home, ...env };
  const options = { input, env: own, extendEnv: false, reject: false } as const;
  return execa("perl", [HOOK, ...args], options);
}

describe("ao hook", () => {
  it.each([
    { harness: "claude-code", event: "SessionStart", input: {}, said: { state: "active" } },
    {
      harness: "claude-code",
      event: "PreToolUse",
      input: { tool_name: "Bash", tool_use_id: "toolu_1" },
      said: { state: "active", event: "pre-tool-use", toolName: "Bash", toolUseId: "toolu_1" },
    },
    {
      harness: "claude-code",
      event: "stop",
      input: { session_id: "abc" },
      said: { state: "idle", agentSessionId: "abc" },
    },
    { harness: "command", event: "idle", input: {}, said: { state: "idle", event: "idle" } },
  ])("tells $event of $harness to its session", async ({ harness, event, input, said }) => {
    const line = await connected();
    await withProject(line.server);
    await withSession(line.server);
    draining(line, line.server);
    const text = JSON.stringify(input);
    expect(await line.ao(["hook", harness, event], { input: text, env: AGENT })).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    await expect
      .poll(async () => activity(line.server))
      .toMatchObject([{ source: "hook", epoch: 1, ...said }]);
  });

  it.each([
    { title: "an event that says nothing", args: ["claude-code", "odd"], input: "{}" },
    { title: "no event", args: ["claude-code"], input: "{}" },
    { title: "no session", args: ["claude-code", "stop"], input: "{}", env: {} },
    {
      title: "the terminal of a reviewer (H4)",
      args: ["claude-code", "stop"],
      input: "{}",
      env: { ...AGENT, AO_TERMINAL_ID: "review-demo-1" },
    },
    {
      title: "a name with a path in it",
      args: ["claude-code", "stop"],
      input: "{}",
      env: { ...AGENT, AO_SESSION_ID: "../x" },
    },
    { title: "input that is not JSON", args: ["claude-code", "notification"], input: "{" },
    {
      title: "too much input",
      args: ["claude-code", "notification"],
      input: "x".repeat(2_000_000),
    },
    {
      title: "an unknown session",
      args: ["claude-code", "stop"],
      input: "{}",
      env: { AO_SESSION_ID: "nobody", AO_EPOCH: "1" },
    },
  ])("never breaks the agent: $title ends with 0 (H1)", async ({ args, input, env = AGENT }) => {
    const line = await connected();
    await withProject(line.server);
    await withSession(line.server);
    draining(line, line.server);
    const { exitCode, stdout, stderr } = await say(line, args, { input, env });
    expect([exitCode, stdout, stderr]).toEqual([0, "", ""]);
    await expect.poll(() => waiting(line)).toEqual([]);
    expect(await activity(line.server)).toEqual([]);
  });

  it("R276 R278 speaks for a reviewer's own terminal with its token, and for no other (H5)", async () => {
    const line = await connected();
    const tokens = reviewerTokens("secret");
    const said: { subject: string; body: string }[] = [];
    const stop = new AbortController();
    const drained = spoolProbe({
      folder: join(line.home, "spool"),
      claimOf: (token) => tokens.verify(token),
      publish: async ({ subject, body }) => {
        said.push({ subject, body: new TextDecoder().decode(body) });
        return Promise.resolve();
      },
      signal: stop.signal,
    });
    const terminal = "review-demo-1";
    const token = tokens.mint({ sessionId: "demo-1", terminal, epoch: 1 });
    const env = { AO_REVIEW_SESSION_ID: terminal, AO_TERMINAL_ID: terminal, AO_TOKEN: token };
    const args = ["claude-code", "Stop"];
    expect((await say(line, args, { env: { ...env, AO_EPOCH: "1" } })).exitCode).toBe(0);
    expect((await say(line, args, { env: { ...env, AO_EPOCH: "2" } })).exitCode).toBe(0);
    const elsewhere = { ...env, AO_EPOCH: "1", AO_TERMINAL_ID: "demo-1" };
    expect((await say(line, args, { env: elsewhere })).exitCode).toBe(0);
    const mere = { AO_REVIEW_WORKER_SESSION_ID: "demo-1", AO_EPOCH: "1", AO_TOKEN: token };
    expect((await say(line, args, { env: mere })).exitCode).toBe(0);
    await expect.poll(() => waiting(line)).toEqual([expect.stringMatching(/^review\..*\.bad$/)]);
    expect(said.map(({ subject }) => subject)).toEqual(["ao.cmd.review.demo-1"]);
    expect(JSON.parse(said[0]?.body ?? "")).toMatchObject({
      type: "review.activity",
      data: { claim: { terminal, epoch: 1 }, state: "idle" },
    });
    stop.abort();
    await drained;
  });

  it("takes the names from what is too long to be read whole (H2)", async () => {
    const line = await connected();
    await withProject(line.server);
    await withSession(line.server);
    draining(line, line.server);
    const tool_input = { text: '"tool_name":"Other"'.repeat(100_000) };
    const said = { session_id: "abc", tool_name: "Write", tool_input, tool_use_id: "toolu_9" };
    await say(line, ["claude-code", "PostToolUse"], { input: JSON.stringify(said) });
    await expect
      .poll(async () => activity(line.server))
      .toMatchObject([{ agentSessionId: "abc", toolName: "Write", toolUseId: "toolu_9" }]);
  });

  it("ends though the agent leaves its standard input open (H1)", async () => {
    const line = await connected();
    const open = execa("perl", [HOOK, "command", "idle"], {
      env: { AO_HOME: line.home, ...AGENT },
      stdin: "pipe",
    });
    expect((await open).exitCode).toBe(0);
    expect(waiting(line)).toHaveLength(1);
  });

  it("keeps what it has to say while the daemon is down, and ends with 75", async () => {
    const line = commandLine();
    const { exitCode } = await say(line, ["command", "idle"]);
    expect([exitCode, waiting(line).length]).toEqual([75, 1]);
  });

  it("asks no daemon, so one that hangs costs the agent nothing (H1)", async () => {
    const line = commandLine();
    pointTo(line.home, "http://127.0.0.1:1");
    const { exitCode } = await say(line, ["command", "idle"]);
    expect([exitCode, waiting(line).length]).toEqual([0, 1]);
  });

  it("does without, and says why, when nothing can be written (H1)", async () => {
    const line = commandLine();
    writeFileSync(join(line.home, "spool"), "");
    const { exitCode, stderr } = await say(line, ["command", "idle"]);
    expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/^ao: keep a hook's word: /)]);
  });

  it("numbers what is said at once, each number once, also after its counter was lost (H2)", async () => {
    const line = commandLine();
    const burst = async () =>
      Promise.all(Array.from({ length: 12 }, async () => say(line, ["command", "idle"])));
    await burst();
    const numbers = () => waiting(line).map((name) => Number(/\.(\d{15})\.said$/.exec(name)?.[1]));
    const last = Math.max(...numbers());
    rmSync(join(line.home, "spool/.hook.demo-1.1"));
    await vi.waitUntil(() => Math.floor(Date.now() / 1_000) * 1_000 > last, { timeout: 5_000 });
    await burst();
    expect(new Set(numbers()).size).toBe(24);
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
