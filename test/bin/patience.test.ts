import { createServer, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { commandLine, pointTo, type CommandLine } from "../support/command-line.ts";

const OPENED = { number: 1, url: "local:demo/1", created: true };
const OPEN = ["pr", "open", "demo", "--title", "A", "--head", "topic"];

/** A daemon that dies under the first request, and answers the next. */
async function mortal(): Promise<CommandLine & { readonly keys: (string | undefined)[] }> {
  const keys: (string | undefined)[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    keys.push(request.headers["idempotency-key"]?.toString());
    if (keys.length === 1) request.socket.destroy();
    else
      response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(OPENED));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  const line = commandLine();
  pointTo(line.home, `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
  return { ...line, keys };
}

it("asks again for an agent whose daemon is being restarted, with the same key", async () => {
  const { ao, keys } = await mortal();
  const env = { AO_SESSION_ID: "demo-1", AO_EPOCH: "1", AO_TOKEN: "t" };
  expect(await ao(OPEN, { env })).toEqual({
    code: 0,
    out: "#1 local:demo/1",
    err: "ao: the daemon is away; waiting up to 30 s for it",
  });
  expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), keys[0]]);
});

it("tells a person at once", async () => {
  const { ao, keys } = await mortal();
  const { code, err } = await ao(OPEN);
  expect(code).toBe(1);
  expect(err).toMatch(/^ao: ask http:[^]*ao up/);
  expect(keys).toHaveLength(1);
});
