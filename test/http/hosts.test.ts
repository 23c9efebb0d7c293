/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { expect, it } from "vitest";
import { Settings } from "../../machines/settings.ts";
import { served, withProject, withSession, type Answer } from "../support/http.ts";

const GOAL = { projectId: "demo", prompt: "Build it." };
const TASK = { title: "A task", prompt: "Do it." };

it("DELETE /hosts/limits/:harness lets the workers of a harness start before its time", async () => {
  const server = await served();
  const lift = async (): Promise<Answer> => server.request("DELETE", "/hosts/limits/command");
  expect(await lift()).toMatchObject({ status: 200, body: { limits: [] } });
  await server.system.ask({ to: "supervisor/root", type: "root.wake", data: {} });
  const until = Date.now() + 3_600_000;
  const reached = { harness: "command", until };
  await server.system.ask({ to: "supervisor/root", type: "quota.reached", data: reached });
  expect((await server.request("GET", "/hosts")).body.limits).toEqual([reached]);
  expect(await lift()).toMatchObject({ status: 200, body: { limits: [] } });
});

it("DELETE /hosts/limits/:harness has who rests at the limit go on, once", async () => {
  const server = await served();
  await withProject(server);
  const id = await withSession(server);
  const until = Date.now() + 3_600_000;
  const data = { state: "idle", limitedUntil: until };
  await server.request("POST", `/sessions/${id}/activity`, data);
  const view = async (): Promise<Answer["body"]> =>
    (await server.request("GET", `/sessions/${id}`)).body;
  await expect.poll(async () => (await view()).limit?.until).toBe(until);
  await server.request("DELETE", "/hosts/limits/command");
  await server.request("DELETE", "/hosts/limits/command");
  expect((await view()).limit).toBeUndefined();
  const { messages } = (await server.request("GET", `/sessions/${id}/messages`)).body;
  expect(messages).toMatchObject([
    { text: "The limit of your harness was reset. Go on where you stopped." },
  ]);
});

it("GET /hosts tells who runs, who waits and for what, and by which bounds", async () => {
  const settings = Settings.parse({ scheduling: { slotsPerHost: 1, workers: 7 } });
  const server = await served({ settings });
  const hosts = async (): Promise<Answer["body"]> => (await server.request("GET", "/hosts")).body;
  expect(await hosts()).toMatchObject({
    hosts: [{ host: "local", workers: 0, slots: 1, measured: null }],
    bounds: { workers: 7, loadPerCore: 8 },
    running: [],
    waiting: [],
    limits: [],
  });
  await withProject(server);
  const { id } = (await server.request("POST", "/objectives", GOAL)).body;
  const add = async (): Promise<string> =>
    (await server.request("POST", `/objectives/${id}/workers`, TASK)).body.id;
  const [first, second] = [await add(), await add()];
  await expect
    .poll(async () => (await hosts()).waiting)
    .toMatchObject([
      {
        worker: second,
        objective: id,
        host: "local",
        // Nobody named one: it is that of the project.
        harness: "command",
        reason: "waiting for one of 1 slots of host local",
      },
    ]);
  expect(await hosts()).toMatchObject({
    hosts: [{ host: "local", workers: 1, slots: 1 }],
    running: [{ worker: first, objective: id, host: "local", harness: "command" }],
  });
});
