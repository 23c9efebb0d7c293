import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";

// Cases
//
// Every case that was written down for reviews is a test whose title names it, or stands here with the reason why not.

const Cases = z.array(
  z.object({ id: z.string(), name: z.string().optional(), title: z.string().optional() }),
);
const all = ["reviews.json", "review-failures.json"].flatMap((name) =>
  Cases.parse(JSON.parse(readFileSync(`test/cases/${name}`, "utf8"))),
);

const NEVER_NOTIFIED =
  "a live reviewer is never told of more work: every pass gets a new process (decision on reviews)";
const DEATHS_FOUND =
  "deaths are found by process evidence, not by the next trigger; runs are resumed, not cancelled (F06)";
const NO_ROUTE = "no such route in the contract";
const REACTIONS =
  "what a session does about comments, checks and conflicts: its reactions have their own cases";
const NO_ROWS = "about tables and migrations of the reference; here runs live in a snapshot";
const NO_KEYS = "a process is ended, not interrupted by key presses";
const PAGES = "about the pages of the reference";
const TRIAGE = "findings with a triage of their own are not part of this product";
const NO_MODEL = "adapters of the reference that are not in this registry";

/** Cases that are not built, by reason. */
const LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  "seed 001's word on drafts was reversed: they are reviewed": ["R009"],
  [NEVER_NOTIFIED]: ["R026", "R051", "R223", "R233", "R314"],
  "replaced: a failed launch leaves a failed run (F09), a missing program leaves none (F34)": [
    "R027",
    "R028",
  ],
  [DEATHS_FOUND]: ["R049", "R070", "R093", "R094"],
  "a head without pull requests has no row to decide about": ["R086"],
  "replaced by a budget that a new head or a person resets (F21)": ["R090"],
  "there is no sweep: every session decides for itself": ["R101"],
  [NO_ROUTE]: [
    "R113",
    "R116",
    "R171",
    "R172",
    "R173",
    "R177",
    "R185",
    "R187",
    "R188",
    "R189",
    "R190",
    "R218",
    "R220",
    "R281",
    "R282",
    "R284",
  ],
  "events are the steps of the review in the journal; there is no telemetry beside them": [
    "R131",
    "R133",
  ],
  "replaced: a submission is taken whole or not at all (F15)": ["R149"],
  [REACTIONS]: ["R160", "R161", "R162", "R164", "R165", "R166", "R289"],
  [NO_ROWS]: ["R196", "R206", "R208", "R209"],
  "programs are found on the daemon's own PATH": ["R214", "R236", "R239"],
  [NO_KEYS]: ["R228", "R229", "R231"],
  [NO_MODEL]: ["R249", "R250", "R319"],
  "a worker speaks as itself, whatever it puts into its environment": ["R277"],
  "a daemon that ends leaves its agents alone": ["R283"],
  [PAGES]: ["R290", "R292", "R293", "R294", "R295"],
  "commands are answered when they are decided; nothing waits under a lock": [
    "R298",
    "R301",
    "R306",
    "R307",
    "R311",
    "R312",
  ],
  [TRIAGE]: [
    "R321",
    "R322",
    "R323",
    "R325",
    "R326",
    "R327",
    "R329",
    "R331",
    "R334",
    "R335",
    "R336",
  ],
};

// A title begins with the ids of its cases.
const TITLE =
  /(?:\b(?:it|describe)(?:\.each\([\s\S]*?\]\))?\(\s*|\btitle:\s*)["`]((?:[RF]\d{2,3} )+)/g;
const sources = globSync("test/**/*.test.ts")
  .filter((name) => !name.endsWith("cases.test.ts"))
  .map((name) => readFileSync(name, "utf8"));
const tested = new Set(
  sources
    .flatMap((source) => [...source.matchAll(TITLE)])
    .flatMap(([, ids = ""]) => ids.trim().split(" ")),
);

it("every case has a test that names it, or a reason why it has none", () => {
  const left = new Set(Object.values(LEFT_OUT).flat());
  expect(all.map(({ id }) => id).filter((id) => !tested.has(id) && !left.has(id))).toEqual([]);
});

it("every failure of the reference has a test, without exception", () => {
  const ids = Array.from({ length: 40 }, (_, n) => `F${String(n + 1).padStart(2, "0")}`);
  expect(all.map(({ id }) => id)).toEqual(expect.arrayContaining(ids));
  expect(ids.filter((id) => !tested.has(id))).toEqual([]);
});

it("every invariant of reviews is asked for by the model", () => {
  const model = readFileSync("test/reviews/model.test.ts", "utf8");
  const asked = [...model.matchAll(/^\s*(?:\/\/|\/\*\*) (I\d(?:, I\d)*)/gm)].flatMap(
    ([, ids = ""]) => ids.split(", "),
  );
  const ids = Array.from({ length: 9 }, (_, n) => `I${n + 1}`);
  expect([...new Set(asked)].toSorted()).toEqual(ids);
});

it("no case is both tested and left out, and none is named that does not exist", () => {
  const known = new Set(all.map(({ id }) => id));
  const left = Object.values(LEFT_OUT).flat();
  expect(left.filter((id) => tested.has(id) || !known.has(id))).toEqual([]);
  expect([...tested].filter((id) => !known.has(id))).toEqual([]);
});
