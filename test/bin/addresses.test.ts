import { expect, it } from "vitest";
import { connected } from "../support/command-line.ts";
import { withProject, withSession } from "../support/http.ts";

it("takes an address where it takes an id, and kills several at once", async () => {
  const { ao, server } = await connected();
  await withProject(server);
  await withSession(server);
  await withSession(server);
  const said = async (...args: string[]): Promise<string> => (await ao(args)).out;
  expect(await said("show", "session/demo-1")).toMatch(/^demo-1/);
  expect(await said("ls", "--project", "project/demo")).toContain("demo-2");
  const [whole, bare, project] = await Promise.all([
    said("actor", "session/demo-1", "--journal"),
    said("actor", "demo-1", "--journal"),
    said("actor", "demo"),
  ]);
  expect([bare, project]).toEqual([whole, expect.stringContaining("registered")]);
  expect(await ao(["actor", "nobody"])).toMatchObject({
    code: 1,
    err: "ao: there is no session, objective, question, project called nobody (ACTOR_UNKNOWN); see what there is: ao actors",
  });
  expect((await ao(["release", "proj/demo"])).err).toContain("did you mean project/demo?");
  expect(await ao(["kill", "session/demo-1", "nobody", "demo-2"])).toEqual({
    code: 1,
    out: "session demo-1: killed\nsession demo-2: killed",
    err: "ao: there is no session/nobody (ACTOR_UNKNOWN); see what there is: ao ls --all",
  });
});
