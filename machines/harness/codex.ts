import {
  flag,
  hookCommand,
  promptArgument,
  SANDBOX_FOLDERS,
  type Harness,
  type Permissions,
} from "./harness.ts";

const HOOK_SECONDS = 5;
const HOOKS = [
  "SessionStart",
  "UserPromptSubmit",
  "PreToolUse",
  "PostToolUse",
  "PermissionRequest",
  "Stop",
  "Interrupt",
  "SessionEnd",
];

const MODES: Readonly<Record<Permissions, readonly string[]>> = {
  default: [],
  "accept-edits": ["--ask-for-approval", "on-request"],
  auto: ["--ask-for-approval", "on-request", "-c", 'approvals_reviewer="auto_review"'],
  "bypass-permissions": ["--dangerously-bypass-approvals-and-sandbox"],
};

/** Codex: all of it in its arguments, which it reads as TOML; files of the worktree are not looked at. */
export const codex: Harness = {
  name: "codex",
  program: "codex",
  install: "install it with: npm install --global @openai/codex",
  prompt: "in_command",
  says: { submits: true, blocked: true, ends: true },
  steers: true,
  readsQuota: true,
  resumes: true,
  // Its composer stands right above the line that tells model and folder.
  rests: {
    shows: String.raw`^› .*\n\s*\n.* · `,
    lacks: String.raw`esc to (?:interrupt|cancel)|^› \d\.`,
    // A turn that ends at a limit runs no hook: the notice stands in the history, and only the composer below it.
    limited: String.raw`^■ (You['’]ve hit your usage limit(?:(?!^[•■›])[\s\S])*)^› (?:(?!^[•■›])[\s\S])*$(?![\s\S])`,
  },
  launch: ({ argv, model, permissions = "default" }, { prompt, rules, conversation, cwd }) => ({
    argv: [
      ...argv,
      ...(conversation.isResumed ? ["resume"] : []),
      ...config("check_for_update_on_startup", "false"),
      ...config("notice.hide_rate_limit_model_nudge", "true"),
      "--dangerously-bypass-hook-trust",
      ...MODES[permissions],
      ...(permissions === "bypass-permissions" ? [] : ["--add-dir", SANDBOX_FOLDERS]),
      ...HOOKS.flatMap((event) => config(`hooks.${event}`, hook(event))),
      ...config("projects", `{${toml(cwd)}={trust_level="trusted"}}`),
      ...flag("--model", model),
      ...(rules === undefined ? [] : config("developer_instructions", toml(rules))),
      ...(conversation.isResumed ? [conversation.id] : []),
      ...(prompt === "" ? [] : ["--", promptArgument(prompt)]),
    ],
    env: {},
    files: [],
    typed: null,
    trust: null,
  }),
};

function hook(event: string): string {
  const command = toml(hookCommand("codex", event));
  return `[{hooks=[{type="command",command=${command},timeout=${HOOK_SECONDS}}]}]`;
}

function config(key: string, value: string): readonly string[] {
  return ["-c", `${key}=${value}`];
}

/** A basic string of TOML is one of JSON, but for one control character that JSON lets stand as it is. */
function toml(text: string): string {
  return JSON.stringify(text).replaceAll("\u007F", String.raw`\u007F`);
}
