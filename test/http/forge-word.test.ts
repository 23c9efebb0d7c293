/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { expect, it } from "vitest";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream } from "../../bus/memory-stream.ts";
import { pullFacts } from "../support/pulls.ts";
import { served, withProject, withSession, type Served } from "../support/http.ts";

const URL = "ao://demo/pull/1";
const MERGED = { fetched: true, prs: [{ ...pullFacts(), url: URL, state: "merged" }] };

const now = (): number => Date.now();

/** A session with an open pull request of the local forge, and another without. */
async function withPull(server: Served): Promise<void> {
  await withProject(server, "local");
  await withSession(server);
  await withSession(server);
  server.outside.heads.set("topic", "1".repeat(40));
  const opening = { title: "A", headRef: "topic", session: "demo-1" };
  await server.request("POST", "/projects/demo/pulls", opening);
  await expect.poll(async () => shown(server)).toEqual(["open", "none"]);
}

/** The pull request of each session. */
async function shown(server: Served): Promise<unknown[]> {
  const { body } = await server.request("GET", "/sessions");
  return body.sessions.map(({ pr }: { pr: { state: string } }) => pr.state);
}

async function lettersOf(server: Served): Promise<{ id: number; code: string; message: string }[]> {
  return (await server.request("GET", "/dead-letters")).body.letters;
}

it.each([
  { title: "that it is merged", said: MERGED },
  { title: "that it is another session's", said: { fetched: true, prs: [], released: [URL] } },
  {
    title: "that there is another one instead",
    said: { fetched: true, prs: [{ ...pullFacts(), url: "https://forge.test/1" }] },
  },
])("nobody but the local forge says of its pull request $title (O-8)", async ({ said }) => {
  const server = await served();
  await withPull(server);
  for (const id of ["demo-1", "demo-2"]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await server.request("POST", `/observations/scm/${id}`, said);
  }
  await expect.poll(async () => (await lettersOf(server)).length).toBe(2);
  expect(await lettersOf(server)).toMatchObject([
    { code: "PULL_REQUEST_FOREIGN", message: expect.stringContaining("only forge/demo can say") },
    { code: "PULL_REQUEST_FOREIGN" },
  ]);
  expect(await shown(server)).toEqual(["open", "none"]);
});

it("who names an order of the forge for its cause is not taken for it, nor when its letter is tried again (I5)", async () => {
  const bus = memoryBus({ stream: memoryStream({ now }), now });
  const server = await served({ bus });
  await withPull(server);
  await bus.publish({
    subject: "ao.obs.scm.demo-1",
    headers: { "Ao-Cause": "forge/demo#2.0" },
    body: new TextEncoder().encode(JSON.stringify(MERGED)),
  });
  await expect.poll(async () => (await lettersOf(server)).length).toBe(1);
  const [letter] = await lettersOf(server);
  await server.request("POST", `/dead-letters/${letter?.id}/retry`);
  expect((await lettersOf(server)).map(({ code }) => code)).toEqual([
    "PULL_REQUEST_FOREIGN",
    "PULL_REQUEST_FOREIGN",
  ]);
  expect(await shown(server)).toEqual(["open", "none"]);
});
