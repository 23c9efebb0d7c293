import { request } from "node:http";
import { expect, it } from "vitest";
import { Failure } from "../../machines/failures.ts";
import { OWNER, served } from "../support/http.ts";

it("a fetch is told when whoever asked for it goes away, and not before", async () => {
  const begun = Promise.withResolvers<AbortSignal>();
  const ended = Promise.withResolvers<boolean>();
  const { app } = await served({
    withMirror: async (_url, { signal }) => {
      begun.resolve(signal);
      await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
      ended.resolve(true);
      throw new Failure("DEADLINE_PASSED", "nobody waits");
    },
  });
  const address = await app.listen({ host: "127.0.0.1", port: 0 });
  const asking = request(`${address}/api/v1/projects`, {
    method: "POST",
    agent: false,
    headers: { authorization: `Bearer ${OWNER}`, "content-type": "application/json" },
  });
  asking.on("error", () => {}).end(JSON.stringify({ url: "https://example.test/x.git" }));
  const signal = await begun.promise;
  // One more answer: by then all is done with the body that was read.
  expect((await fetch(`${address}/health`)).status).toBeLessThan(500);
  expect(signal.aborted).toBe(false);
  asking.destroy();
  expect(await ended.promise).toBe(true);
});
