import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { opencode } from "../../machines/harness/opencode.ts";
import { tempFolder } from "../support/folder.ts";

// The plugin that OpenCode runs, in a process of its own, given events as OpenCode 1.18.33 was seen to give them: one
// after the other, without waiting for what became of the last.

const AO = `#!/bin/sh
words=$(cat)
case "$3" in session-start) sleep 0.3 ;; esac
printf '%s %s\\n' "$3" "$words" >> "$HEARD"
`;
const DRIVER = `
const { Ao } = await import(process.argv[2]);
const { event } = await Ao({});
await Promise.all(JSON.parse(process.argv[3]).map((each) => event({ event: each })));
`;

interface Event {
  readonly type: string;
  readonly properties: object;
}

/** What the hooks were told. */
async function told(...events: readonly Event[]): Promise<unknown[]> {
  const folder = tempFolder();
  const [bin, plugin, driver] = ["bin", "ao.mjs", "driver.mjs"].map((name) => join(folder, name));
  const heard = join(folder, "heard");
  mkdirSync(bin ?? "");
  writeFileSync(join(bin ?? "", "ao"), AO);
  chmodSync(join(bin ?? "", "ao"), 0o755);
  const task = { prompt: "", conversation: { id: "", isResumed: false }, cwd: "/" };
  const { files } = opencode.launch({ harness: "opencode", argv: [] }, task);
  writeFileSync(plugin ?? "", files.find(({ name }) => name === "ao.js")?.text ?? "");
  writeFileSync(driver ?? "", DRIVER);
  const env = { PATH: `${bin}:${process.env["PATH"]}`, HEARD: heard };
  await execa(process.execPath, [driver ?? "", plugin ?? "", JSON.stringify(events)], { env });
  if (!existsSync(heard)) return [];
  const lines = readFileSync(heard, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [event = "", ...rest] = line.split(" ");
    const said: unknown = JSON.parse(rest.join(" "));
    return [event, said];
  });
}

const created = (id: string, parentID?: string): Event => ({
  type: "session.created",
  properties: { sessionID: id, info: { id, ...(parentID !== undefined && { parentID }) } },
});
const prompt = (sessionID: string, id: string): Event => ({
  type: "message.updated",
  properties: { sessionID, info: { id, role: "user", sessionID } },
});
const text = (sessionID: string, messageID: string, words: string): Event => ({
  type: "message.part.updated",
  properties: { sessionID, part: { type: "text", text: words, messageID, sessionID } },
});
const status = (sessionID: string, type: string): Event => ({
  type: "session.status",
  properties: { sessionID, status: { type } },
});
const idle = (sessionID: string): Event => ({ type: "session.idle", properties: { sessionID } });

const TURN = [created("s"), prompt("s", "m1"), text("s", "m1", "hello"), status("s", "busy")];
const BEGUN = [
  ["session-start", { session_id: "s" }],
  ["user-prompt-submit", { session_id: "s" }],
];

it("tells a turn in its order, its end once, and the last words with it", async () => {
  const end = [text("s", "m2", "Done."), prompt("s", "m1"), status("s", "idle"), idle("s")];
  expect(await told(...TURN, ...end)).toEqual([
    ...BEGUN,
    ["stop", { session_id: "s", last_assistant_message: "Done." }],
  ]);
});

it("takes no subagent's turn for the session's, nor its conversation", async () => {
  const subagent = [
    created("c", "s"),
    prompt("c", "m3"),
    text("c", "m4", "Mine."),
    status("c", "idle"),
    idle("c"),
  ];
  expect(await told(...TURN, ...subagent)).toEqual(BEGUN);
});

it("tells of every menu that a person must answer, whoever opened it, and of the answer", async () => {
  const menus = [
    { type: "permission.asked", properties: { sessionID: "c", permission: "bash" } },
    { type: "permission.replied", properties: { sessionID: "c" } },
    { type: "question.asked", properties: { sessionID: "s" } },
    { type: "question.rejected", properties: { sessionID: "s" } },
  ];
  expect(await told(...TURN, ...menus)).toEqual([
    ...BEGUN,
    ["permission-request", { tool_name: "bash" }],
    ["permission-replied", {}],
    ["permission-request", { tool_name: "question" }],
    ["permission-replied", {}],
  ]);
});

it("tells what a turn failed of as its last words", async () => {
  const failed = {
    type: "session.error",
    properties: { sessionID: "s", error: { data: { message: "Limit" } } },
  };
  expect((await told(...TURN, failed, idle("s"))).at(-1)).toEqual([
    "stop",
    { session_id: "s", last_assistant_message: "Limit" },
  ]);
});
