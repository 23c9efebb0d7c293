import { describe, expect, it } from "vitest";
import { eachOf } from "../../bin/cli/several.ts";
import { Failure } from "../../machines/failures.ts";

/** What comes of killing these: `gone-…` are unknown, `down-…` cannot be asked. */
async function killed(names: readonly string[], isJson = false) {
  let out = "";
  const notes: string[] = [];
  const asked: string[] = [];
  const output = {
    isJson,
    width: undefined,
    hasColour: false,
    write: (text: string) => void (out += text),
    note: (line: string) => void notes.push(line),
  };
  const code = await eachOf(output, names, {
    command: "ao kill",
    run: async (name) => {
      asked.push(name);
      if (name.startsWith("gone")) throw new Failure("ACTOR_UNKNOWN", `no session/${name}`);
      if (name.startsWith("down")) throw new Failure("DAEMON_DOWN", "no daemon runs");
      return Promise.resolve({ name });
    },
    line: ({ name }) => `${name} ended`,
  });
  return { code, out, notes, asked };
}

const UNKNOWN = "ao: no session/gone-1 (ACTOR_UNKNOWN); see what there is: ao ls --all";

describe("several names", () => {
  it("are each tried once, and it ends with 1 when one failed (V2)", async () => {
    expect(await killed(["app-1", "gone-1", "app-2", "app-1"])).toEqual({
      code: 1,
      out: "app-1 ended\napp-2 ended\n",
      notes: [UNKNOWN],
      asked: ["app-1", "gone-1", "app-2"],
    });
    expect((await killed(["app-1", "app-2"])).code).toBe(0);
  });

  it("are told as JSON in one value, failures among it (V2)", async () => {
    const { code, out, notes } = await killed(["app-1", "gone-1"], true);
    expect([code, notes]).toEqual([1, []]);
    expect(JSON.parse(out)).toMatchObject({
      done: [{ name: "app-1" }],
      failed: [{ name: "gone-1", code: "ACTOR_UNKNOWN", next: "see what there is: ao ls --all" }],
    });
  });

  it("print nothing as done when none is", async () => {
    expect(await killed(["gone-1", "gone-2"])).toMatchObject({ code: 1, out: "" });
  });

  it("hear once that nobody can be asked (V3)", async () => {
    await expect(killed(["down-1", "down-2"])).rejects.toThrow("no daemon runs");
  });
});

it("one name gives its own record, and fails as it fails (V1)", async () => {
  expect(JSON.parse((await killed(["app-1"], true)).out)).toEqual({ name: "app-1" });
  await expect(killed(["gone-1"])).rejects.toThrow("no session/gone-1");
});
