import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAtRest, limitShown } from "../../machines/harness/harness.ts";
import { HARNESSES } from "../../machines/harness/harnesses.ts";

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

// What Codex prints is known from reports of its users; the frame around it is that of the recorded screens.
describe("a limit of Codex", () => {
  const rests = HARNESSES.get("codex")?.rests ?? { shows: "", lacks: "" };
  const notice = [
    "■ You’ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro), visit",
    "https://chatgpt.com/codex/settings/usage to purchase more credits or try again at 2:51 PM.",
  ];
  const composer = ["", "", "› Ask Codex to do anything", "", "  gpt-5.5 high · ~/project", ""];

  it("is read from its notice, also over several lines and far above the composer (W-6)", () => {
    const gap = Array.from({ length: 40 }, () => "");
    const screen = ["› please go on", "", ...notice, ...gap, ...composer].join("\n");
    expect(isAtRest(screen, rests)).toBe(true);
    expect(limitShown(screen, rests)).toMatch(
      /^You’ve hit your usage limit\. .*, visit https:\/\/\S+ to purchase more credits or try again at 2:51 PM\.$/,
    );
  });

  it.each([
    { title: "it went on after it", more: ["", "• OK.", "", ...composer] },
    { title: "it was told something after it", more: ["", "› go on", "", ...composer] },
    { title: "another trouble came after it", more: ["", "■ stream error", ...composer] },
  ])("is over when $title", ({ more }) => {
    expect(limitShown([...notice, ...more].join("\n"), rests)).toBeUndefined();
  });

  it.each(["• You've hit your usage limit is what it prints.", "  ■ You've hit your usage limit."])(
    "is none that it only speaks of: %s",
    (words) => {
      expect(limitShown([words, ...composer].join("\n"), rests)).toBeUndefined();
    },
  );

  it.each(screens.filter(({ harness }) => harness === "codex"))(
    "is on no recorded screen that is $doing",
    ({ screen }) => {
      expect(limitShown(screen, rests)).toBeUndefined();
    },
  );
});
