import { agentOf } from "../cli/client.ts";
import { EXIT, failureLine } from "../cli/exit.ts";
import { offerOrSpool } from "../cli/offer.ts";

// Hook
//
// What an agent's own hooks call: says what the agent is doing, and never gets in its way.
//
//   H1. Ends with 0 or 75 and within a few seconds, whatever comes in and whatever the daemon does.
//   H2. What the daemon could not take is spooled, and counts once.

const ANSWER_WITHIN_MS = 2_000;
const INPUT_WITHIN_MS = 500;
const INPUT_BYTES = 1_048_576;

const STATES: ReadonlyMap<string, string> = new Map([
  ["session-start", "active"],
  ["user-prompt-submit", "active"],
  ["pre-tool-use", "active"],
  ["post-tool-use", "active"],
  ["stop", "idle"],
  ["session-end", "exited"],
  // A program without hooks of its own may say what it does in so many words.
  ...["active", "ready", "idle", "waiting_input", "blocked", "exited"].map((s) => [s, s] as const),
]);

/** Tells the daemon of one event of the agent that this process belongs to. The answer is the exit code. */
export async function runHook(
  harness: string,
  event: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  try {
    const agent = agentOf(env);
    const input = await readInput();
    const state = stateOf(event, input);
    if (agent === undefined || state === undefined) return EXIT.done;
    const { sessionId, epoch } = agent;
    const data = {
      state,
      source: "hook",
      event: `${harness}:${event}`.slice(0, 128),
      ...textMember("toolName", input["tool_name"]),
      ...textMember("agentSessionId", input["session_id"]),
      ...(epoch === undefined ? {} : { epoch }),
    };
    const { type } = await offerOrSpool(env, {
      path: `/sessions/${encodeURIComponent(sessionId)}/activity`,
      body: data,
      timeoutMs: ANSWER_WITHIN_MS,
      message: (id, at) => ({
        type: "observation",
        id,
        at,
        lane: "activity",
        to: sessionId,
        data,
      }),
    });
    return type === "answered" ? EXIT.done : EXIT.queued;
  } catch (error) {
    // The agent must go on, even when it was refused or the disk is full (H1).
    process.stderr.write(`${failureLine(error)}\n`);
    return EXIT.done;
  }
}

function stateOf(event: string, input: Record<string, unknown>): string | undefined {
  const name = event.replaceAll(/([a-z])([A-Z])/g, "$1-$2").toLowerCase();
  if (name !== "notification") return STATES.get(name);
  const text = `${String(input["notification_type"])} ${String(input["message"])}`.toLowerCase();
  if (text.includes("permission")) return "blocked";
  return /idle|waiting/.test(text) ? "waiting_input" : undefined;
}

function textMember(name: string, value: unknown): Record<string, string> {
  return typeof value === "string" && value !== "" ? { [name]: value.slice(0, 256) } : {};
}

/** The JSON on standard input; empty when there is none, or none that can be read in time. */
async function readInput(): Promise<Record<string, unknown>> {
  const { stdin } = process;
  if (stdin.isTTY) return {};
  const chunks: Buffer[] = [];
  let size = 0;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, INPUT_WITHIN_MS);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    stdin.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= INPUT_BYTES) chunks.push(chunk);
      else end();
    });
    stdin.once("end", end).once("error", end);
  });
  stdin.destroy();
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString());
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}
