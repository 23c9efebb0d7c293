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
async function sent(server: Served, text: string, signature?: string): Promise<[number, unknown]> {
  const response = await server.app.inject({
    method: "POST",
    url: "/api/v1/webhooks/github",
    headers: {
      "content-type": "application/json",
      ...(signature !== undefined && { "x-hub-signature-256": signature }),
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
  const signature =
    key === undefined || key === "broken" ? key && "sha256=zz" : await sign(keys[key] ?? "", text);
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
