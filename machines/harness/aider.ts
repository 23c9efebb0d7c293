import { FILES, flag, type Harness, type Permissions } from "./harness.ts";

const RULES = "rules.md";
// It reads its repository first, for minutes when that is large.
const LISTENS_WITHIN_MS = 20_000;

const MODES: Readonly<Record<Permissions, readonly string[]>> = {
  default: [],
  "accept-edits": ["--yes-always", "--no-auto-commits"],
  auto: ["--yes-always"],
  "bypass-permissions": ["--yes-always"],
};

/** Aider: no hooks and no conversation to come back to; its prompt is typed at its own. */
export const aider: Harness = {
  name: "aider",
  program: "aider",
  install: "install it with: pipx install aider-chat",
  prompt: "after_start",
  says: { submits: false, blocked: false, ends: false },
  steers: false,
  readsQuota: false,
  resumes: false,
  // Nothing would tell that it works again.
  rests: null,
  launch: ({ argv, model, permissions = "default" }, { prompt, rules }) => ({
    argv: [
      ...argv,
      ...MODES[permissions],
      ...flag("--model", model),
      "--no-check-update",
      "--no-stream",
      "--no-pretty",
      ...(rules === undefined ? [] : ["--read", `${FILES}/${RULES}`]),
    ],
    env: {},
    files: rules === undefined ? [] : [{ name: RULES, text: rules }],
    typed:
      prompt === ""
        ? null
        : { text: prompt, ready: String.raw`^\w*> *$`, withinMs: LISTENS_WITHIN_MS },
    trust: null,
  }),
};
