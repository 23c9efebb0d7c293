import { expect, it } from "vitest";
import { activityOfHook } from "../../../machines/harness/hooks.ts";
import { ActivityObservation } from "../../../machines/observations.ts";

/** Noon on the first of January 2026. */
const WHEN = { at: Date.UTC(2026, 0, 1, 12), zone: "UTC" };

interface Row {
  readonly harness?: string;
  readonly event: string;
  readonly said?: Record<string, unknown>;
  readonly is: Record<string, unknown> | undefined;
}

it.each([
  {
    event: "SessionStart",
    said: { source: "startup" },
    is: { state: "active", event: "session-start" },
  },
  { event: "SessionStart", said: { source: "resume" }, is: { state: "idle" } },
  { event: "SessionStart", said: { source: "clear" }, is: { state: "idle" } },
  { event: "SessionStart", said: { source: "compact" }, is: undefined },
  { event: "user-prompt-submit", said: { prompt: "Go" }, is: { state: "active", text: "Go" } },
  {
    event: "PreToolUse",
    said: { tool_name: "Bash", tool_use_id: "toolu_1" },
    is: { state: "active", event: "pre-tool-use", toolName: "Bash", toolUseId: "toolu_1" },
  },
  { event: "PostToolUseFailure", is: { state: "active", event: "post-tool-use-failure" } },
  {
    event: "PermissionRequest",
    said: { tool_name: "Bash" },
    is: { state: "blocked", toolName: "Bash" },
  },
  { harness: "codex", event: "PermissionRequest", is: { state: "blocked" } },
  { harness: "opencode", event: "permission-request", is: { state: "blocked" } },
  { harness: "opencode", event: "permission-replied", is: { state: "active" } },
  { event: "Stop", said: { last_assistant_message: "OK." }, is: { state: "idle", text: "OK." } },
  { harness: "codex", event: "Stop", is: { state: "idle", event: "stop" } },
  { harness: "codex", event: "Interrupt", is: { state: "idle", event: "interrupt" } },
  { event: "StopFailure", is: { state: "idle" } },
  {
    event: "StopFailure",
    said: { error: "rate_limit", last_assistant_message: "API Error: Rate limit reached" },
    is: { state: "idle", limitedUntil: WHEN.at + 900_000 },
  },
  {
    event: "StopFailure",
    said: { error: "rate_limit", error_details: "You've hit your limit · resets 1pm (UTC)" },
    is: { state: "idle", limitedUntil: Date.UTC(2026, 0, 1, 13) },
  },
  {
    event: "Stop",
    said: { last_assistant_message: `Claude AI usage limit reached|${WHEN.at / 1_000 + 60}` },
    is: { state: "idle", limitedUntil: WHEN.at + 60_000 },
  },
  { event: "SubagentStop", is: undefined },
  { event: "Notification", said: { notification_type: "idle_prompt" }, is: { state: "idle" } },
  { event: "Notification", said: { notification_type: "agent_completed" }, is: { state: "idle" } },
  {
    event: "Notification",
    said: { notification_type: "agent_needs_input" },
    is: { state: "waiting_input" },
  },
  {
    event: "Notification",
    said: { notification_type: "permission_prompt" },
    is: { state: "blocked" },
  },
  { event: "Notification", said: { notification_type: "auth_success" }, is: undefined },
  { event: "Notification", said: { message: "needs your permission" }, is: { state: "blocked" } },
  {
    event: "Notification",
    said: { message: "is waiting for you" },
    is: { state: "waiting_input" },
  },
  { event: "Notification", said: {}, is: undefined },
  { event: "SessionEnd", said: { reason: "prompt_input_exit" }, is: { state: "exited" } },
  { event: "SessionEnd", said: { reason: "clear" }, is: undefined },
  { event: "SessionEnd", said: { reason: "resume" }, is: undefined },
  { harness: "command", event: "waiting_input", is: { state: "waiting_input" } },
  { event: "odd", is: undefined },
] satisfies Row[])(
  "an agent that says $event with $said is taken for $is",
  ({ harness = "claude-code", event, said = {}, is }: Row) => {
    const told = activityOfHook(harness, event, said, WHEN);
    expect({ told }).toMatchObject({ told: is && { source: "hook", ...is } });
  },
);

it("tells the conversation from the first prompt on, not when it is only opened (K3)", () => {
  const said = { session_id: "abc" };
  expect(activityOfHook("claude-code", "SessionStart", said, WHEN)).not.toHaveProperty(
    "agentSessionId",
  );
  expect(activityOfHook("claude-code", "Stop", said, WHEN)).toMatchObject({
    agentSessionId: "abc",
  });
});

it("takes no limit from words that only speak of one, nor from another event (K4)", () => {
  const quoted = { last_assistant_message: "The test says: usage limit reached|1766502000" };
  expect(activityOfHook("claude-code", "Stop", quoted, WHEN)).not.toHaveProperty("limitedUntil");
  const failed = { error: "server_error", last_assistant_message: "API Error: 500" };
  expect(activityOfHook("claude-code", "StopFailure", failed, WHEN)).not.toHaveProperty(
    "limitedUntil",
  );
  const prompt = { prompt: "You've hit your limit · resets 1pm (UTC)" };
  expect(activityOfHook("claude-code", "UserPromptSubmit", prompt, WHEN)).not.toHaveProperty(
    "limitedUntil",
  );
});

it("says nothing that an observation could not hold", () => {
  const long = "x".repeat(100_000);
  const said = { session_id: long, tool_name: long, tool_use_id: long, prompt: long };
  const told = activityOfHook("claude-code", "UserPromptSubmit", said, WHEN);
  expect(ActivityObservation.safeParse(told).success).toBe(true);
});
