/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { daemonWorld, observe } from "../support/daemon.ts";
import {
  appliedTo,
  atEveryBoundary,
  expectOneProcessPerEpoch,
  keepReporting,
  killDuring,
  type KillRow,
} from "../support/kills.ts";

// R1, R2, R3, R5: the daemon is killed while a session works: somewhere between a text and the pane it is typed into,
// and at an observation from NATS.

const world = daemonWorld();
let id = "";

beforeAll(async () => {
  await world.up({ mortal: true });
  await world.addProject();
  id = await world.addSession();
});
afterAll(async () => world.end());

it.each([
  ...atEveryBoundary("the command to send"),
  ...atEveryBoundary("the order to type", { skip: 1 }),
  // Between the text and its Enter.
  { title: "half of the typing", doom: { at: "during", effect: "typeText", afterMs: 150 } },
  {
    title: "the very beginning of the typing",
    doom: { at: "during", effect: "typeText", afterMs: 3 },
  },
  { title: "a text that was typed, with nobody told", doom: { at: "result", effect: "typeText" } },
  ...atEveryBoundary("the answer of tmux", { after: "typeText" }),
] satisfies KillRow[])("a kill at $title types the text once", async ({ doom }) => {
  const text = `say ${randomUUID()}`;
  const before = world.typed(id);
  const send = async () =>
    world.request("POST", `/sessions/${id}/send`, { text }, { key: text.slice(4) });
  await killDuring(world, doom, send);
  const first = await send();
  expect([first.status, await send()]).toMatchObject([202, { body: first.body }]);
  await expect
    .poll(async () => (await world.get(`/sessions/${id}/messages`)).messages.at(-1))
    .toMatchObject({ id: first.body.messageId, text, state: "delivered" });
  await world.settled();
  await expect.poll(() => world.typed(id)).toEqual([...before, text]);
  await expectOneProcessPerEpoch(world);
});

it.each(atEveryBoundary("an observation from NATS"))(
  "a kill at $title applies it once",
  async ({ doom }) => {
    await world.up({ mortal: true });
    const { revision, activity } = await world.session(id);
    const nc = await world.nats("probe");
    const state = activity.state === "active" ? "idle" : "active";
    const name = randomUUID();
    await killDuring(world, doom, async () =>
      observe(nc, `activity.${id}`, { state }, { id: name }),
    );
    await observe(nc, `activity.${id}`, { state }, { id: name });
    await expect.poll(async () => world.session(id)).toMatchObject({ activity: { state } });
    await world.settled();
    expect((await world.session(id)).revision).toBe(revision + 1);
  },
);

it.each(atEveryBoundary("one of many commands", { skip: 25 }))(
  "a kill at $title loses none that was acknowledged, and applies none twice",
  async ({ doom }) => {
    await world.up({ mortal: true });
    const { signal } = new AbortController();
    const callers = Array.from({ length: 8 }, async () => keepReporting(world, id, signal));
    await killDuring(world, doom, async () => Promise.all(callers));
    const acknowledged = (await Promise.all(callers)).flatMap((caller) => caller.acknowledged);
    await world.settled();
    const applied = await appliedTo(world, id);
    expect(acknowledged.length).toBeGreaterThan(20);
    expect(acknowledged.filter((key) => !applied.includes(key))).toEqual([]);
    expect(applied).toHaveLength(new Set(applied).size);
  },
);
