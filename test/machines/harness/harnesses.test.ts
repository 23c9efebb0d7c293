import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  FILES,
  SANDBOX_FOLDERS,
  type Agent,
  type Task,
} from "../../../machines/harness/harness.ts";
import { agentLaunch, HARNESSES, launchOf } from "../../../machines/harness/harnesses.ts";

const ID = "0b5c1c2e-0000-8000-8000-000000000000";
const FRESH = { id: ID, isResumed: false };
const AGAIN = { id: ID, isResumed: true };

function argvOf(agent: Agent, task: Partial<Task> = {}): readonly string[] {
  return agentLaunch(agent, { prompt: "Do it", conversation: FRESH, cwd: "/w", ...task }).argv;
}

/** Arguments without the pairs of `-c key=value`. */
function withoutConfig(argv: readonly string[]): readonly string[] {
  return argv.filter((word, index) => word !== "-c" && argv[index - 1] !== "-c");
}

describe("the program of a harness", () => {
  it.each([
    { title: "its own", wish: { harness: "claude-code" }, argv: ["claude"] },
    {
      title: "one given as words",
      wish: { harness: "claude-code", command: ["/opt/claude", "--debug"] },
      argv: ["/opt/claude", "--debug"],
    },
    {
      title: "one given to the shell, behind which it hears its arguments",
      wish: { harness: "codex", command: "nice codex" },
      argv: ["sh", "-c", 'nice codex "$@"', "codex"],
    },
    {
      title: "the command itself",
      wish: { harness: "command", command: "./agent.sh" },
      argv: ["sh", "-c", "./agent.sh"],
    },
  ])("is $title", ({ wish, argv }) => {
    expect(launchOf(wish)).toEqual({ type: "launch", argv });
  });

  it.each([
    {
      title: "an unknown harness",
      wish: { harness: "hal" },
      seen: /known are command, claude-code/,
    },
    { title: "a command that nobody gave", wish: { harness: "command" }, seen: /ao spawn/ },
  ])("is refused for $title, with the next step", ({ wish, seen }) => {
    const launch = launchOf(wish);
    expect(launch).toMatchObject({ type: "refused", code: "HARNESS_UNKNOWN" });
    expect(launch.type === "refused" && launch.message).toMatch(seen);
  });
});

describe("claude-code", () => {
  const agent: Agent = { harness: "claude-code", argv: ["claude"] };
  const settings = ["--settings", `${FILES}/settings.json`];
  it.each([
    {
      title: "orcha-084: begins a conversation of its own with its prompt",
      agent,
      task: {},
      argv: ["claude", "--session-id", ID, ...settings, "--", "Do it"],
    },
    {
      title: "goes on with its conversation",
      agent,
      task: { conversation: AGAIN, prompt: "" },
      argv: ["claude", "--resume", ID, ...settings],
    },
    {
      title: "gets model, permissions and rules",
      agent: { ...agent, model: "opus", permissions: "accept-edits" as const },
      task: { rules: "Be careful" },
      argv: [
        "claude",
        "--session-id",
        ID,
        "--permission-mode",
        "acceptEdits",
        "--model",
        "opus",
        ...settings,
        "--append-system-prompt",
        "Be careful",
        "--",
        "Do it",
      ],
    },
    {
      title: "takes a prompt that looks like a flag for a prompt",
      agent,
      task: { prompt: "--version" },
      argv: ["claude", "--session-id", ID, ...settings, "--", "--version"],
    },
  ])("$title", ({ agent: asked, task, argv }) => {
    expect(argvOf(asked, task)).toEqual(argv);
  });

  it("has a hook for every event, none of which can fail it (H4)", () => {
    const { files } = agentLaunch(agent, { prompt: "", conversation: FRESH, cwd: "/w" });
    const Settings = z.object({ hooks: z.record(z.string(), z.unknown()) });
    const { hooks } = Settings.parse(JSON.parse(files[0]?.text ?? "{}"));
    expect(Object.keys(hooks)).toEqual(
      expect.arrayContaining(["SessionStart", "UserPromptSubmit", "PermissionRequest", "Stop"]),
    );
    expect(hooks["Stop"]).toEqual([
      {
        matcher: "",
        hooks: [{ type: "command", command: "ao hook claude-code Stop || :", timeout: 30 }],
      },
    ]);
  });
});

describe("codex", () => {
  const SANDBOX = ["--add-dir", SANDBOX_FOLDERS];
  const agent: Agent = { harness: "codex", argv: ["codex"] };
  it.each([
    {
      title: "begins with its prompt",
      task: {},
      argv: ["codex", "--dangerously-bypass-hook-trust", ...SANDBOX, "--", "Do it"],
    },
    {
      title: "asks for no folders where it has no sandbox",
      task: {},
      agent: { permissions: "bypass-permissions" },
      argv: [
        "codex",
        "--dangerously-bypass-hook-trust",
        "--dangerously-bypass-approvals-and-sandbox",
        "--",
        "Do it",
      ],
    },
    {
      title: "goes on with its conversation",
      task: { conversation: AGAIN, prompt: "" },
      argv: ["codex", "resume", "--dangerously-bypass-hook-trust", ...SANDBOX, ID],
    },
  ] satisfies { title: string; task: object; agent?: Partial<Agent>; argv: string[] }[])(
    "$title",
    ({ task, agent: more = {}, argv }) => {
      expect(withoutConfig(argvOf({ ...agent, ...more }, task))).toEqual(argv);
    },
  );

  it("is told its hooks, its trusted folder and its rules as TOML", () => {
    const argv = argvOf(agent, { cwd: '/w "x"', rules: 'Say "hi"\nand\u007F go' });
    const config = argv.filter((_, index) => argv[index - 1] === "-c");
    expect(config).toContain(
      'hooks.Stop=[{hooks=[{type="command",command="ao hook codex Stop || :",timeout=5}]}]',
    );
    const events = config.flatMap((each) => /^hooks\.(\w+)=/.exec(each)?.[1] ?? []);
    // Without the tools an answered permission, without Interrupt a turn that was broken off, would go on for ever.
    expect(events).toEqual(
      expect.arrayContaining(["PreToolUse", "PostToolUse", "PermissionRequest", "Interrupt"]),
    );
    expect(config).toContain(String.raw`projects={"/w \"x\""={trust_level="trusted"}}`);
    expect(config).toContain(String.raw`developer_instructions="Say \"hi\"\nand\u007F go"`);
  });
});

describe("opencode", () => {
  const agent: Agent = { harness: "opencode", argv: ["opencode"] };
  it.each([
    { title: "begins with its prompt", task: {}, argv: ["opencode", "--prompt", "Do it"] },
    {
      title: "goes on with its conversation",
      task: { conversation: AGAIN, prompt: "" },
      argv: ["opencode", "--session", ID],
    },
  ])("$title, its plugin named by a file and not found in a folder", ({ task, argv }) => {
    const launch = agentLaunch(agent, { prompt: "Do it", conversation: FRESH, cwd: "/w", ...task });
    expect(launch).toMatchObject({
      argv,
      env: { OPENCODE_CONFIG: `${FILES}/opencode.json` },
      files: [{ name: "opencode.json", text: '{"plugin":["./ao.js"]}' }, { name: "ao.js" }],
    });
    // It installs packages into a folder of configuration before it starts.
    expect(launch.env).not.toHaveProperty("OPENCODE_CONFIG_DIR");
  });
});

describe("aider", () => {
  it("has its prompt typed once it listens (H1)", () => {
    const launch = agentLaunch(
      { harness: "aider", argv: ["aider"], permissions: "accept-edits" },
      { prompt: "Do it", rules: "Be careful", conversation: FRESH, cwd: "/w" },
    );
    expect(launch.argv).toEqual([
      "aider",
      "--yes-always",
      "--no-auto-commits",
      "--no-check-update",
      "--no-stream",
      "--no-pretty",
      "--read",
      `${FILES}/rules.md`,
    ]);
    expect(launch.typed?.text).toBe("Do it");
    const ready = new RegExp(launch.typed?.ready ?? "", "m");
    expect(["> ", "ask> ", "main\n> ", "Aider v0.86"].map((screen) => ready.test(screen))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});

describe("every harness", () => {
  const all = [...HARNESSES.values()].map((harness) => ({ name: harness.name, harness }));

  it.each(all.filter(({ harness }) => harness.prompt === "in_command"))(
    "$name is told where a prompt of more than 8 KiB lies (H2)",
    ({ name }) => {
      const agent = { harness: name, argv: [name] };
      const last = (prompt: string): string => argvOf(agent, { prompt }).at(-1) ?? "";
      expect(last("x".repeat(8_192))).toHaveLength(8_192);
      expect(last("ä".repeat(4_097))).toMatch(/AO_PROMPT_FILE/);
    },
  );

  it.each(all)("$name resumes exactly when it says so", ({ name, harness }) => {
    const argv = argvOf({ harness: name, argv: [name] }, { conversation: AGAIN });
    expect(argv.includes(ID)).toBe(harness.resumes);
  });
});
