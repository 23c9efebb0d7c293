import {
  FILES,
  flag,
  hookCommand,
  promptArgument,
  type Harness,
  type LaunchFile,
  type Permissions,
} from "./harness.ts";

const SETTINGS = "settings.json";
export const SETTINGS_FILE = `${FILES}/${SETTINGS}`;
// Ours takes milliseconds; the limit is for a machine that hangs.
const HOOK_SECONDS = 30;
const HOOKS = [
  "SessionStart",
  "UserPromptSubmit",
  "PreToolUse",
  "PostToolUse",
  "PostToolUseFailure",
  "PermissionRequest",
  "Notification",
  "SubagentStop",
  "Stop",
  "StopFailure",
  "SessionEnd",
];

const MODES: Readonly<Record<Permissions, readonly string[]>> = {
  default: [],
  "accept-edits": ["--permission-mode", "acceptEdits"],
  auto: ["--permission-mode", "auto"],
  "bypass-permissions": ["--permission-mode", "bypassPermissions"],
};

/** Claude Code: hooks by a settings file of its own, so that nothing is written into the worktree (H3). */
export const claudeCode: Harness = {
  name: "claude-code",
  program: "claude",
  install: "install it with: npm install --global @anthropic-ai/claude-code",
  prompt: "in_command",
  says: { submits: true, blocked: true, ends: true },
  steers: false,
  readsQuota: true,
  resumes: true,
  // Its prompt is empty, nothing spins above it, and it is no menu.
  rests: {
    shows: String.raw`^❯\s*$`,
    lacks: String.raw`esc to (?:interrupt|cancel)|enter to select|^\s*❯ \d\.|^\S \S+…`,
  },
  launch: ({ argv, model, permissions = "default" }, { prompt, rules, conversation }) => ({
    argv: [
      ...argv,
      conversation.isResumed ? "--resume" : "--session-id",
      conversation.id,
      ...MODES[permissions],
      ...flag("--model", model),
      "--settings",
      SETTINGS_FILE,
      ...flag("--append-system-prompt", rules),
      ...(prompt === "" ? [] : ["--", promptArgument(prompt)]),
    ],
    env: {},
    files: claudeFiles(),
    typed: null,
    trust: "claude-code",
  }),
};

/** Its settings file, which makes it say what it does; named as `SETTINGS_FILE` in an argv. */
export function claudeFiles(): LaunchFile[] {
  return [{ name: SETTINGS, text: JSON.stringify({ hooks: hooks() }, undefined, 1) }];
}

function hooks(): Record<string, unknown> {
  return Object.fromEntries(
    HOOKS.map((event) => {
      const hook = {
        type: "command",
        command: hookCommand("claude-code", event),
        timeout: HOOK_SECONDS,
      };
      return [event, [{ matcher: "", hooks: [hook] }]];
    }),
  );
}
