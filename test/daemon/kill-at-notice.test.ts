/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { daemonWorld, PATIENCE_MS } from "../support/daemon.ts";
import { atEveryBoundary, killDuring, type KillRow } from "../support/kills.ts";
import { tempFolder } from "../support/folder.ts";

// An agent asks, and the daemon is killed between that and the desktop program that tells a person.

const diary = join(tempFolder(), "told");
const world = daemonWorld({
  notify: {
    command: ["sh", "-c", `printf '%s\\n' "$AO_NOTICE_ID $AO_NOTICE_TYPE" >> ${diary}`],
    burst: 1_000,
    burstAll: 1_000,
  },
});
let session = "";

beforeAll(async () => {
  await world.up({ mortal: true });
  await world.addProject();
  session = await world.addSession();
});
afterAll(async () => world.end());

function told(): string[] {
  return existsSync(diary) ? readFileSync(diary, "utf8").trimEnd().split("\n") : [];
}

async function say(state: string): Promise<unknown> {
  return world.post(`/sessions/${session}/activity`, { state });
}

it.each([
  ...atEveryBoundary("the question").map((row) => ({ ...row, most: 1 })),
  ...atEveryBoundary("the note that it was told", { after: "notifyPerson" }).map((row) => ({
    ...row,
    most: 1,
  })),
  {
    title: "the program at work",
    doom: { at: "during", effect: "notifyPerson", afterMs: 0 },
    // The outside cannot be asked whether it was told.
    most: 2,
  },
  { title: "the answer of the program", doom: { at: "result", effect: "notifyPerson" }, most: 1 },
] satisfies (KillRow & { most: number })[])(
  "a kill at $title leaves a person told of one question, at most $most times",
  async ({ doom, most }) => {
    await world.up({ mortal: true });
    await say("active");
    await expect.poll(async () => world.session(session)).toMatchObject({ status: "working" });
    writeFileSync(diary, "");
    await killDuring(world, doom, async () => say("waiting_input"));
    await expect
      .poll(async () => world.session(session), { timeout: PATIENCE_MS })
      .toMatchObject({ status: "needs_input", notices: [{ type: "agent-needs-input" }] });
    // At boot nothing is open until what was open before is taken up again.
    await expect
      .poll(async () => (await world.get(`/notices?session=${session}`)).notices, {
        timeout: PATIENCE_MS,
      })
      .toMatchObject([
        { state: "open", priority: "urgent", delivery: { told: ["command"], failed: [] } },
      ]);
    await world.settled();
    const { notices } = await world.get(`/notices?session=${session}`);
    const lines = told();
    expect(new Set(lines)).toEqual(new Set([`${notices[0].id} agent-needs-input`]));
    expect(lines.length).toBeLessThanOrEqual(most);
  },
);
