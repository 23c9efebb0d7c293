/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment -- looks into bodies of every shape */
import { sign } from "@octokit/webhooks-methods";
import { expect, it } from "vitest";
import { coded, served, withProject, type Served } from "../support/http.ts";

const REPOSITORY = { repository: { full_name: "Acme/App" } };
const ORIGIN = "https://github.com/acme/app.git";

async function scene(): Promise<{ server: Served; rung: string[]; secret: string }> {
  const rung: string[] = [];
  const server = await served({
    ring: (project) => rung.push(project),
    inspectRepository: async (root) =>
      Promise.resolve({ root, defaultBranch: "main", origin: ORIGIN }),
  });
  await withProject(server, "github");
  const { body } = await server.request("GET", "/projects/demo/webhook");
  expect(body).toMatchObject({ repository: "acme/app", path: "/api/v1/webhooks/github" });
  return { server, rung, secret: String(body.secret) };
}

/** What GitHub sends: no token, but a signature. */
async function sent(
  server: Served,
  text: string,
  signature?: string,
  more: Record<string, string> = {},
): Promise<[number, unknown]> {
  const response = await server.app.inject({
    method: "POST",
    url: "/api/v1/webhooks/github",
    headers: {
      "content-type": "application/json",
      ...(signature !== undefined && { "x-hub-signature-256": signature }),
      ...more,
    },
    payload: text,
  });
  const body: { code?: string } = response.json();
  return [response.statusCode, body.code];
}

it("a webhook that the project's secret signed has it looked at, whoever else may ask (W1)", async () => {
  const { server, rung, secret } = await scene();
  const text = JSON.stringify({ action: "opened", ...REPOSITORY });
  expect(await sent(server, text, await sign(secret, text))).toEqual([202, undefined]);
  expect(rung).toEqual(["demo"]);
});

it.each([
  { title: "a ping", event: "ping", body: { zen: "Keep it simple.", hook_id: 1 } },
  { title: "an event that nobody heard of", event: "star", body: { action: "created" } },
])("$title has it looked at too: it is believed for nothing (W1)", async ({ event, body }) => {
  const { server, rung, secret } = await scene();
  const text = JSON.stringify({ ...body, ...REPOSITORY });
  const headers = { "x-github-event": event };
  expect(await sent(server, text, await sign(secret, text), headers)).toEqual([202, undefined]);
  expect(rung).toEqual(["demo"]);
});

it("what is delivered twice is looked at twice, and nothing more (W1)", async () => {
  const { server, rung, secret } = await scene();
  const text = JSON.stringify({ action: "closed", ...REPOSITORY });
  const signature = await sign(secret, text);
  const headers = { "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958" };
  await sent(server, text, signature, headers);
  expect(await sent(server, text, signature, headers)).toEqual([202, undefined]);
  expect(rung).toEqual(["demo", "demo"]);
});

it.each([
  { title: "as large as GitHub sends", bytes: 26_214_400, is: [202, undefined] },
  { title: "larger than GitHub sends", bytes: 26_214_401, is: [413, "BODY_TOO_LARGE"] },
])("one $title is answered with $is", async ({ bytes, is }) => {
  const { server, secret } = await scene();
  const start = JSON.stringify(REPOSITORY);
  const text = start + " ".repeat(bytes - start.length);
  expect(await sent(server, text, await sign(secret, text))).toEqual(is);
});

it("a form is no webhook", async () => {
  const { server, rung, secret } = await scene();
  const text = `payload=${encodeURIComponent(JSON.stringify(REPOSITORY))}`;
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  expect(await sent(server, text, await sign(secret, text), headers)).toEqual([
    415,
    "BODY_TYPE_UNKNOWN",
  ]);
  expect(rung).toEqual([]);
});

it.each([
  {
    title: "no signature",
    text: JSON.stringify(REPOSITORY),
    with: undefined,
    is: [401, "UNAUTHORIZED"],
  },
  {
    title: "another secret",
    text: JSON.stringify(REPOSITORY),
    with: "other",
    is: [401, "UNAUTHORIZED"],
  },
  {
    title: "the signature of old alone",
    text: JSON.stringify(REPOSITORY),
    with: "sha1",
    is: [401, "UNAUTHORIZED"],
  },
  { title: "no signature, and no JSON", text: "{", with: undefined, is: [401, "UNAUTHORIZED"] },
  {
    title: "another repository",
    text: '{"repository":{"full_name":"acme/other"}}',
    with: "own",
    is: [401, "UNAUTHORIZED"],
  },
  {
    title: "the end of another's name",
    text: '{"repository":{"full_name":"pp"}}',
    with: "own",
    is: [401, "UNAUTHORIZED"],
  },
  {
    title: "a broken signature",
    text: JSON.stringify(REPOSITORY),
    with: "broken",
    is: [401, "UNAUTHORIZED"],
  },
  { title: "no repository", text: "{}", with: "own", is: [400, "MALFORMED"] },
  { title: "no JSON", text: "{", with: "own", is: [400, "MALFORMED"] },
])("a webhook with $title rings nowhere (W1)", async ({ text, with: key, is }) => {
  const { server, rung, secret } = await scene();
  const keys = { own: secret, other: "f".repeat(64) } as Record<string, string>;
  const unreal = { broken: "sha256=zz", sha1: `sha1=${"a".repeat(40)}` } as Record<string, string>;
  const signature =
    key === undefined ? undefined : (unreal[key] ?? (await sign(keys[key] ?? "", text)));
  expect(await sent(server, text, signature)).toEqual(is);
  expect(rung).toEqual([]);
});

it("the signed bytes count, not what they mean (W1)", async () => {
  const { server, rung, secret } = await scene();
  const text = JSON.stringify(REPOSITORY);
  expect(await sent(server, text.replace(":", ": "), await sign(secret, text))).toEqual([
    401,
    "UNAUTHORIZED",
  ]);
  expect(rung).toEqual([]);
});

it("secrets are each project's own, the same after a restart, and no agent's (W2)", async () => {
  const { server, secret } = await scene();
  const other = await scene();
  expect(other.secret).toBe(secret);
  await server.request("POST", "/projects", {
    id: "second",
    path: "/repositories/second",
    scm: "github",
    config: { worker: { harness: "command", command: ["true"] } },
  });
  const { body } = await server.request("GET", "/projects/second/webhook");
  expect(body.secret).not.toBe(secret);
  await server.request("POST", "/projects", {
    id: "here",
    path: "/repositories/here",
    scm: "local",
    config: { worker: { harness: "command", command: ["true"] } },
  });
  expect(coded(await server.request("GET", "/projects/here/webhook"))).toEqual([
    422,
    "SCM_UNSUPPORTED",
  ]);
});
