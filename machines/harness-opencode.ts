import { FILES, flag, promptArgument, type Harness } from "./harness.ts";

// Runs inside of the agent: it has no word to spare when something is wrong (H4).
const PLUGIN = `const { spawn } = process.getBuiltinModule("child_process");

function tell(event, data) {
  return new Promise((resolve) => {
    const hook = spawn("ao", ["hook", "opencode", event], { stdio: ["pipe", "ignore", "ignore"] });
    hook.on("error", resolve).on("close", resolve);
    hook.stdin.on("error", () => {}).end(JSON.stringify(data));
  });
}

export const Ao = async () => {
  const told = new Set();
  return {
    event: async ({ event: { type, properties: at = {} } }) => {
      const session_id = at.sessionID ?? at.info?.sessionID ?? at.info?.id;
      if (type === "session.created" && !at.info?.parentID) {
        await tell("session-start", { session_id });
      }
      if (type === "message.updated" && at.info?.role === "user" && !told.has(at.info.id)) {
        told.add(at.info.id);
        await tell("user-prompt-submit", { session_id });
      }
      if (type === "session.idle") await tell("stop", { session_id });
      if (type === "session.status" && at.status?.type === "idle") await tell("stop", { session_id });
      if (type === "permission.asked" || type === "permission.updated") {
        await tell("permission-request", { session_id, tool_name: at.permission ?? at.type });
      }
      if (type === "permission.replied") await tell("permission-replied", { session_id });
    },
  };
};
`;

/** OpenCode: hooks by a plugin in a configuration folder of its own, beside the person's. */
export const opencode: Harness = {
  name: "opencode",
  program: "opencode",
  install: "install it with: npm install --global opencode-ai",
  prompt: "in_command",
  says: { submits: true, blocked: true, ends: true },
  steers: false,
  readsQuota: false,
  resumes: true,
  launch: ({ argv, model, permissions }, { prompt, conversation }) => ({
    argv: [
      ...argv,
      ...(permissions === "bypass-permissions" ? ["--dangerously-skip-permissions"] : []),
      ...flag("--model", model),
      ...(conversation.isResumed ? ["--session", conversation.id] : []),
      ...flag("--prompt", promptArgument(prompt)),
    ],
    env: { OPENCODE_CONFIG_DIR: FILES },
    files: [{ name: "plugins/ao.js", text: PLUGIN }],
    typed: null,
    trust: null,
  }),
};
