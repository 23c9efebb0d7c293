import { FILES, flag, promptArgument, type Harness } from "./harness.ts";

// Runs inside of the agent: it has no word to spare when something is wrong (H4). OpenCode waits for no plugin, so one
// word waits for the other: they are numbered as they are said. What a subagent does is not the session's turn.
const PLUGIN = `const { spawn } = process.getBuiltinModule("child_process");

function run(event, data) {
  return new Promise((resolve) => {
    const hook = spawn("ao", ["hook", "opencode", event], { stdio: ["pipe", "ignore", "ignore"] });
    hook.on("error", resolve).on("close", resolve);
    hook.stdin.on("error", () => {}).end(JSON.stringify(data));
  });
}

let said = Promise.resolve();
function tell(event, data) {
  said = said.then(() => run(event, data));
  return said;
}

export const Ao = async () => {
  const told = new Set();
  const subagents = new Set();
  let words;
  let isResting = false;

  async function prompted(id, session_id) {
    if (told.has(id)) return;
    told.add(id);
    isResting = false;
    words = undefined;
    await tell("user-prompt-submit", { session_id });
  }

  async function rested(session_id) {
    if (isResting) return;
    isResting = true;
    await tell("stop", { session_id, last_assistant_message: words });
  }

  return {
    event: async ({ event: { type, properties: at = {} } }) => {
      const session_id = at.sessionID ?? at.part?.sessionID ?? at.info?.sessionID ?? at.info?.id;
      if (/^session[.](created|updated)$/.test(type) && at.info?.parentID) subagents.add(at.info.id);
      // Whoever asks, it is this session's person who answers.
      if (type === "permission.asked" || type === "permission.updated") {
        await tell("permission-request", { tool_name: at.permission ?? at.type });
      }
      if (type === "question.asked") await tell("permission-request", { tool_name: "question" });
      if (/^(permission|question)[.](replied|rejected)$/.test(type)) await tell("permission-replied", {});
      if (subagents.has(session_id)) return;
      if (type === "session.created") await tell("session-start", { session_id });
      if (type === "message.updated" && at.info?.role === "user") await prompted(at.info.id, session_id);
      if (type === "message.part.updated" && at.part?.type === "text" && !told.has(at.part.messageID)) {
        words = at.part.text;
      }
      if (type === "session.error") words = at.error?.data?.message ?? words;
      if (type === "session.status" && at.status?.type === "busy") isResting = false;
      if (type === "session.idle" || (type === "session.status" && at.status?.type === "idle")) {
        await rested(session_id);
      }
    },
  };
};
`;

const CONFIG = "opencode.json";
const PLUGIN_FILE = "ao.js";

/**
 * OpenCode: hooks by a plugin that a configuration file of its own names, which is read over the person's. Into a
 * folder of configuration it would install its packages first (64 MB), for each launch anew.
 */
export const opencode: Harness = {
  name: "opencode",
  program: "opencode",
  install: "install it with: npm install --global opencode-ai",
  prompt: "in_command",
  says: { submits: true, blocked: true, ends: true },
  steers: false,
  readsQuota: false,
  resumes: true,
  rests: {
    shows: String.raw`ctrl\+p commands`,
    lacks: String.raw`esc (?:again to )?(?:interrupt|dismiss)|permission required|enter (?:confirm|submit)`,
  },
  launch: ({ argv, model, permissions }, { prompt, conversation }) => ({
    argv: [
      ...argv,
      ...(permissions === "bypass-permissions" ? ["--dangerously-skip-permissions"] : []),
      ...flag("--model", model),
      ...(conversation.isResumed ? ["--session", conversation.id] : []),
      ...flag("--prompt", promptArgument(prompt)),
    ],
    env: { OPENCODE_CONFIG: `${FILES}/${CONFIG}` },
    files: [
      { name: CONFIG, text: JSON.stringify({ plugin: [`./${PLUGIN_FILE}`] }) },
      { name: PLUGIN_FILE, text: PLUGIN },
    ],
    typed: null,
    trust: null,
  }),
};
