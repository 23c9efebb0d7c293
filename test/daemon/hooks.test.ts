import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { daemonWorld } from "../support/daemon.ts";

// What agents say by their hooks, while the daemon comes and goes.

const world = daemonWorld();
let id = "";

beforeAll(async () => {
  await world.up();
  await world.addProject();
  id = await world.addSession();
});
afterAll(async () => world.end());

/** Says something as an agent does: by the first `ao` on its PATH. The answer is the exit code. */
async function say(
  event: string,
  text = "",
  more: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const env = { AO_HOME: world.home, AO_SESSION_ID: id, AO_TERMINAL_ID: id, AO_EPOCH: "1" };
  const input = JSON.stringify({ session_id: "abc", prompt: text, ...more });
  const { exitCode } = await execa(join(world.home, "bin/ao"), ["hook", "claude-code", event], {
    env,
    input,
    reject: false,
  });
  return exitCode;
}

const Entries = z.object({
  entries: z.array(
    z.object({ message: z.object({ type: z.string(), id: z.string(), data: z.unknown() }) }),
  ),
});

/** What the session heard, in its order. */
async function heard(): Promise<{ id: string; text: unknown }[]> {
  const { entries } = Entries.parse(await world.get(`/actors/session/${id}/journal?limit=1000`));
  return entries
    .filter(({ message }) => message.type === "activity.observed")
    .map(({ message }) => ({
      id: message.id,
      text: z.looseObject({ text: z.unknown() }).parse(message.data).text,
    }));
}

function waiting(): string[] {
  return readdirSync(join(world.home, "spool")).filter((name) => name.endsWith(".said"));
}

it("reaches the session within moments, and says nothing to the agent", async () => {
  expect(await say("UserPromptSubmit", "first")).toBe(0);
  await expect.poll(async () => world.session(id)).toMatchObject({ activity: { state: "active" } });
  expect(waiting()).toEqual([]);
});

it("is kept while the daemon is down, and told once and in its order when it is back", async () => {
  const before = (await heard()).length;
  const said: string[] = [];
  const speak = async (n: number): Promise<void> => {
    said.push(`word ${n}`);
    await say("UserPromptSubmit", `word ${n}`);
  };
  await speak(0);
  await world.kill();
  expect(await say("UserPromptSubmit", "while it is down")).toBe(75);
  said.push("while it is down");
  for (let n = 1; n <= 20; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one word after the other
    await speak(n);
  }
  // Killed again in the middle of the drain, as soon as the first file is gone.
  const most = waiting().length;
  await world.up();
  await expect.poll(() => waiting().length, { interval: 1 }).toBeLessThan(most);
  await world.kill();
  await speak(21);
  await world.up();
  await expect
    .poll(async () => (await heard()).slice(before).map(({ text }) => text))
    .toEqual(said);
  const ids = (await heard()).map((each) => each.id);
  expect(ids).toEqual([...new Set(ids)]);
  expect(waiting()).toEqual([]);
});

it("leaves no counter behind when its terminal is gone", async () => {
  const counter = join(world.home, `spool/.hook.${id}.1`);
  expect(existsSync(counter)).toBe(true);
  await world.post(`/sessions/${id}/kill`);
  await expect.poll(() => existsSync(counter)).toBe(false);
});

it("orcha-304: a limit parks its session until the time that it names, and the session goes on by itself", async () => {
  id = await world.addSession();
  const until = Math.ceil(Date.now() / 1_000) + 2;
  const words = `Claude AI usage limit reached|${until}`;
  await say("StopFailure", "", { error: "rate_limit", last_assistant_message: words });
  await expect
    .poll(async () => world.session(id))
    .toMatchObject({ limit: { until: until * 1_000 }, activity: { state: "idle" } });
  await world.kill();
  await world.up();
  const goesOn = "The limit of your harness was reset. Go on where you stopped.";
  await expect.poll(() => world.typed(id)).toContain(goesOn);
  expect(await world.session(id)).not.toHaveProperty("limit");
  expect(world.typed(id).filter((line) => line === goesOn)).toHaveLength(1);
});
