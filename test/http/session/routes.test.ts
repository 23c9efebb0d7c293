/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return, typescript/no-unsafe-argument, typescript/no-unsafe-call -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import { served, withProject, withSession, type Served } from "../../support/http.ts";
import { pullFacts } from "../../support/pulls.ts";

/** A session with everything that a view can tell. */
async function fullSession(server: Served): Promise<void> {
  await withProject(server);
  await server.request("POST", "/objectives", { projectId: "demo", prompt: "Reach it." });
  await server.request("POST", "/sessions", {
    projectId: "demo",
    prompt: "Do it.",
    objectiveId: "demo-o1",
  });
  await expect
    .poll(async () => (await server.request("GET", "/sessions/demo-1")).body.runtime.state)
    .toBe("alive");
  await server.system.observe("scm", "demo-1", { fetched: true, prs: [pullFacts()] });
  await server.system.observe("runtime", "demo-1", { runtime: "failed", process: "failed" });
  await expect
    .poll(async () => (await server.request("GET", "/sessions/demo-1")).body)
    .toMatchObject({ status: "detecting", pr: { number: 1 } });
}

async function newSession(server: Served): Promise<void> {
  await withProject(server);
  await withSession(server);
}

describe("the keys of a session's view", () => {
  it.each([
    {
      title: "the view",
      make: fullSession,
      path: [],
      keys: `id projectId objectiveId kind harness title prompt branch attention status statusReason statusSince lifecycle runtime
        activity pr prs wanted detecting workspace terminal report trouble notices revision createdAt
        updatedAt`,
    },
    {
      title: "the view of a new one",
      make: newSession,
      path: [],
      keys: `id projectId kind harness title prompt branch attention status statusReason statusSince lifecycle runtime
        activity pr prs wanted detecting workspace terminal report trouble notices revision createdAt
        updatedAt`,
    },
    { title: "lifecycle", make: fullSession, path: ["lifecycle"], keys: "state reason since" },
    { title: "runtime", make: fullSession, path: ["runtime"], keys: "state reason" },
    {
      title: "activity",
      make: fullSession,
      path: ["activity"],
      keys: "state lastActivityAt source",
    },
    { title: "pr", make: fullSession, path: ["pr"], keys: "state reason number url" },
    { title: "pr of a new one", make: newSession, path: ["pr"], keys: "state reason" },
    {
      title: "a pull request",
      make: fullSession,
      path: ["prs", "0"],
      keys: `url number title state headSha headRef baseRef ci reviewDecision comments mergeable
        updatedAt`,
    },
    {
      title: "detecting",
      make: fullSession,
      path: ["detecting"],
      keys: "attempts startedAt evidenceHash",
    },
    {
      title: "workspace",
      make: fullSession,
      path: ["workspace"],
      keys: "state path branch headSha dirty unpushed reason preserved",
    },
    { title: "terminal", make: fullSession, path: ["terminal"], keys: "id epoch state attach" },
  ])("are those of the contract in $title", async ({ make, path, keys }) => {
    const server = await served();
    await make(server);
    const { body } = await server.request("GET", "/sessions/demo-1");
    const { explanation, ...view } = body;
    const part = path.reduce((inner, key) => inner[key], view);
    expect(Object.keys(part).toSorted()).toEqual(keys.split(/\s+/).toSorted());
    expect((await server.request("GET", "/sessions?limit=1")).body.sessions).toEqual([view]);
    expect(Object.keys(explanation).join(" ")).toBe(
      "waitsFor evidence timers transitions orders messages lastWords",
    );
  });
});

it("sessions are listed a page at a time, by project and state", async () => {
  const server = await served();
  await withProject(server);
  for (let n = 0; n < 3; n += 1) await withSession(server);
  await server.request("POST", "/sessions/demo-2/kill");
  const page = async (query: string): Promise<unknown> => {
    const { sessions, next } = (await server.request("GET", `/sessions?${query}`)).body;
    return [sessions.map(({ id }: { id: string }) => id), next];
  };
  expect(await page("limit=2")).toEqual([["demo-1", "demo-2"], "demo-2"]);
  expect(await page("limit=2&after=demo-2")).toEqual([["demo-3"], null]);
  expect(await page("state=lifecycle.terminated")).toEqual([["demo-2"], null]);
  expect(await page("state=wanted.stopped")).toEqual([["demo-2"], null]);
  expect(await page("state=alive&project=demo")).toEqual([["demo-1", "demo-3"], null]);
});

it("the screen of a session is shown with its terminal", async () => {
  const server = await served({
    capture: async (terminal, lines) => Promise.resolve(`${terminal}:${lines}`),
    attach: (terminal) => ["show", terminal],
  });
  await withProject(server);
  const id = await withSession(server);
  expect((await server.request("GET", `/sessions/${id}/terminal?lines=5`)).body).toEqual({
    id,
    epoch: 1,
    state: "live",
    attach: ["show", id],
    screen: `${id}:5`,
  });
});

it("a session with a command and no harness runs that command", async () => {
  const server = await served();
  await server.request("POST", "/projects", { id: "demo", path: "/repositories/demo" });
  const body = { projectId: "demo", prompt: "x", command: ["true"] };
  const { status, body: session } = await server.request("POST", "/sessions", body);
  expect([status, session.harness]).toEqual([201, "command"]);
});

it("a paused project starts no session until it is resumed", async () => {
  const server = await served();
  await withProject(server);
  await server.request("POST", "/projects/demo/pause");
  const spawn = async (): Promise<[number, string]> => {
    const { status, body } = await server.request("POST", "/sessions", {
      projectId: "demo",
      prompt: "x",
    });
    return [status, body.code];
  };
  expect(await spawn()).toEqual([409, "PROJECT_PAUSED"]);
  await server.request("POST", "/projects/demo/resume");
  expect(await spawn()).toEqual([201, undefined]);
});

it.each([
  { method: "GET", path: "/sessions/nobody", body: undefined, is: [404, "ACTOR_UNKNOWN"] },
  { method: "GET", path: "/sessions/nobody/messages", body: undefined, is: [404, "ACTOR_UNKNOWN"] },
  { method: "GET", path: "/sessions/a.b", body: undefined, is: [400, "MALFORMED"] },
  { method: "POST", path: "/sessions/nobody/kill", body: {}, is: [404, "ACTOR_UNKNOWN"] },
  {
    method: "POST",
    path: "/sessions/nobody/activity",
    body: { state: "idle" },
    is: [404, "ACTOR_UNKNOWN"],
  },
  {
    method: "POST",
    path: "/sessions/demo-1/activity",
    body: { state: "odd" },
    is: [400, "MALFORMED"],
  },
  { method: "POST", path: "/sessions/demo-1/kill", body: { kind: "odd" }, is: [400, "MALFORMED"] },
  { method: "POST", path: "/sessions/demo-1/send", body: { text: "" }, is: [400, "MALFORMED"] },
  {
    method: "GET",
    path: "/sessions/demo-1/terminal?lines=5",
    body: undefined,
    is: [503, "TMUX_UNREACHABLE"],
  },
  {
    method: "POST",
    path: "/sessions",
    body: { projectId: "other", prompt: "x" },
    is: [404, "ACTOR_UNKNOWN"],
  },
  {
    method: "POST",
    path: "/sessions",
    body: { projectId: "demo", prompt: "x", harness: "odd" },
    is: [422, "HARNESS_UNKNOWN"],
  },
  { method: "POST", path: "/sessions", body: { projectId: "demo" }, is: [400, "MALFORMED"] },
  {
    method: "POST",
    path: "/sessions/cleanup",
    body: { projectId: "other" },
    is: [404, "ACTOR_UNKNOWN"],
  },
  { method: "GET", path: "/sessions?project=other", body: undefined, is: [404, "ACTOR_UNKNOWN"] },
  { method: "GET", path: "/sessions?limit=0", body: undefined, is: [400, "MALFORMED"] },
] as const)("$method $path is answered with $is", async ({ method, path, body, is }) => {
  const server = await served();
  await withProject(server);
  await withSession(server);
  const { status, body: said } = await server.request(method, path, body);
  expect([status, said.code]).toEqual(is);
});
