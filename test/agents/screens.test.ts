import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAtRest } from "../../machines/harness.ts";
import { HARNESSES } from "../../machines/harnesses.ts";

// Screens of real agents, as tmux captured them: `<harness>-<version>.<what it did>.txt`. Paths are shortened.

const FOLDER = join(import.meta.dirname, "screens");
const screens = readdirSync(FOLDER).map((file) => {
  const [, harness = "", version = "", doing = ""] =
    /^(.+)-(\d[\d.]*)\.(resting|working|asking)\.txt$/.exec(file) ?? [];
  return { harness, version, doing, screen: readFileSync(join(FOLDER, file), "utf8") };
});

describe("a screen", () => {
  it.each(screens)("of $harness $version that is $doing is read so (W-5)", (recorded) => {
    const { harness, doing, screen } = recorded;
    const rests = HARNESSES.get(harness)?.rests;
    if (rests === null || rests === undefined) throw new Error(`${harness} is not read`);
    expect(isAtRest(screen, rests)).toBe(doing === "resting");
  });

  it("was recorded in each way of every harness that is read", () => {
    const read = [...HARNESSES.values()].filter(({ rests }) => rests !== null);
    const seen = new Set(screens.map(({ harness, doing }) => `${harness} ${doing}`));
    const wanted = ["asking", "resting", "working"];
    const all = read.flatMap(({ name }) => wanted.map((doing) => `${name} ${doing}`));
    expect([...seen].toSorted()).toEqual(all.toSorted());
  });

  it.each([
    {
      title: "at its composer",
      screen: "› Write tests for @filename\n\ngpt-5.6-sol low · ~/project\n",
      is: true,
    },
    {
      title: "in a long turn",
      screen: "• Working (3m 10s • esc to interrupt)\n› Add tests\n\ngpt-5.6-sol low · ~/project\n",
      is: false,
    },
  ])("of Codex $title is read as the reference reads it", ({ screen, is }) => {
    expect(isAtRest(screen, HARNESSES.get("codex")?.rests ?? { shows: "", lacks: "" })).toBe(is);
  });
});
