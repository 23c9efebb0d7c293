/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { CLAUDE, signedIn } from "../support/claude.ts";
import { daemonWorld, type DaemonWorld } from "../support/daemon.ts";
import { fakeAnthropic } from "../support/fake-anthropic.ts";
import { repositoryAlone, run } from "../support/repository.ts";

// The real Claude Code, in a real pane, under the real daemon; only the model is scripted.

const Journal = z.object({
  entries: z.array(z.object({ message: z.object({ type: z.string(), data: z.unknown() }) })),
});
const Heard = z.looseObject({
  event: z.string().optional(),
  text: z.string().optional(),
  toolName: z.string().optional(),
  agentSessionId: z.string().optional(),
});

/** What the agent's hooks said so far. */
async function heard(world: DaemonWorld, id: string): Promise<z.infer<typeof Heard>[]> {
  const { entries } = Journal.parse(await world.get(`/actors/session/${id}/journal?limit=1000`));
  return entries
    .filter(({ message }) => message.type === "activity.observed")
    .map(({ message }) => Heard.parse(message.data));
}

const PATIENCE = { timeout: 60_000 };

it("runs, says what it does, is spoken to, asks, and goes on with its conversation after a kill", async () => {
  const model = await fakeAnthropic([
    {
      match: /write the note/,
      reply: "Writing.",
      tools: [{ name: "Bash", input: { command: "echo hi > note.txt", description: "Write" } }],
    },
  ]);
  const world = daemonWorld({ leases: { askingMs: 500 } });
  await world.up();
  const { path } = await repositoryAlone();
  const env = signedIn(join(world.home, "../person"), model.url);
  const worker = { harness: "claude-code", command: CLAUDE };
  await world.post("/projects", { id: "demo", path, scm: "none", config: { worker, env } });
  const { id } = await world.post("/sessions", { projectId: "demo", prompt: "hello there" });
  const events = async () => (await heard(world, id)).map(({ event }) => event);

  // It works on its prompt and rests, without ever asking whether its new folder is to be trusted.
  await expect.poll(events, PATIENCE).toEqual(["session-start", "user-prompt-submit", "stop"]);
  await expect.poll(async () => world.session(id)).toMatchObject({ status: "idle" });
  const { workspace } = await world.session(id);
  expect(await run(workspace.path ?? "", "status", "--porcelain", "--ignored")).toBe("");

  // A message is typed, and confirmed by the agent's own word.
  await world.post(`/sessions/${id}/send`, { text: "write the note" });
  await expect
    .poll(async () => heard(world, id), PATIENCE)
    .toContainEqual(
      expect.objectContaining({ event: "user-prompt-submit", text: "write the note" }),
    );
  await expect
    .poll(async () => (await world.get(`/sessions/${id}/messages`)).messages.at(-1), PATIENCE)
    .toMatchObject({ text: "write the note", state: "delivered" });

  // It asks for a permission, which a person gives at its terminal.
  await expect
    .poll(async () => world.session(id), PATIENCE)
    .toMatchObject({ activity: { state: "blocked" } });
  await expect
    .poll(async () => heard(world, id))
    .toContainEqual(expect.objectContaining({ event: "permission-request", toolName: "Bash" }));
  // The hook comes before the menu is drawn.
  const showsMenu = async () =>
    expect
      .poll(async () => world.tmux("capture-pane", "-p", "-t", `=${id}:`), PATIENCE)
      .toMatch(/1\. Yes/);
  await showsMenu();
  await world.tmux("send-keys", "-t", `=${id}:`, "Enter");
  await expect.poll(events, PATIENCE).toContain("post-tool-use");
  await expect.poll(async () => world.session(id), PATIENCE).toMatchObject({ status: "idle" });
  expect(readFileSync(join(workspace.path ?? "", "note.txt"), "utf8")).toBe("hi\n");

  // It is broken off at its terminal while it asks, of which no hook tells: its screen does, and what waited is typed.
  await world.post(`/sessions/${id}/send`, { text: "write the note, once more" });
  await expect
    .poll(async () => world.session(id), PATIENCE)
    .toMatchObject({ activity: { state: "blocked" } });
  await world.post(`/sessions/${id}/send`, { text: "never mind" });
  await showsMenu();
  await world.tmux("send-keys", "-t", `=${id}:`, "Escape");
  await expect
    .poll(async () => heard(world, id), PATIENCE)
    .toContainEqual(expect.objectContaining({ event: "user-prompt-submit", text: "never mind" }));
  await expect.poll(async () => world.session(id), PATIENCE).toMatchObject({ status: "idle" });

  // Killed and restored, it goes on with the same conversation.
  await world.post(`/sessions/${id}/kill`);
  await expect
    .poll(async () => world.session(id), PATIENCE)
    .toMatchObject({ wanted: "stopped", workspace: { state: "archived" } });
  expect(existsSync(workspace.path ?? "")).toBe(false);
  const asked = model.heard().length;
  await world.post(`/sessions/${id}/restore`);
  await expect
    .poll(async () => world.session(id), PATIENCE)
    .toMatchObject({ terminal: { state: "live", epoch: 2 }, activity: { state: "idle" } });
  expect(readFileSync(join(workspace.path ?? "", "note.txt"), "utf8")).toBe("hi\n");
  await world.post(`/sessions/${id}/send`, { text: "and now" });
  await expect
    .poll(() => model.heard().slice(asked).at(-1)?.join("\n"), PATIENCE)
    .toMatch(/hello there[^]*write the note[^]*and now/);
  const conversations = (await heard(world, id)).flatMap(
    ({ agentSessionId = [] }) => agentSessionId,
  );
  expect(new Set(conversations).size).toBe(1);
  await world.post(`/sessions/${id}/kill`);
  await expect
    .poll(async () => world.session(id), PATIENCE)
    .toMatchObject({ wanted: "stopped", workspace: { state: "archived" } });
}, 180_000);
