import { expect, it } from "vitest";
import { runsInWords, type ToldRun } from "../../../http/review/words.ts";

const of = (number: number, targetSha: string, said: Partial<ToldRun> = {}): ToldRun => ({
  state: "complete",
  verdict: "approved",
  targetSha,
  subject: { url: `ao://demo/pull/${number}`, number },
  ...said,
});
const voided = { state: "failed", verdict: "", reason: "superseded" } as const;

interface Row {
  readonly title: string;
  readonly runs: readonly ToldRun[];
  readonly words: string;
}

it.each([
  { title: "says nothing of no runs", runs: [], words: "" },
  {
    title: "tells the runs of each pull request in the order of their time (W1)",
    runs: [
      of(2, "f2cdcc464", voided),
      of(3, "ab42966b8", { verdict: "changes_requested" }),
      of(2, "f34a5d54e"),
      of(3, "56a31df82"),
    ],
    words: "#2 superseded by a push of f34a5d5 → approved · #3 changes_requested → approved",
  },
  {
    title: "names no pull request where there is one",
    runs: [of(2, "a", { state: "failed", verdict: "", reason: "launch_failed" }), of(2, "a")],
    words: "failed: launch_failed → approved",
  },
  {
    title: "says what went before the last three, and that some of it is void (W2)",
    runs: [of(2, "a", voided), of(2, "b"), of(2, "c"), of(2, "d"), of(2, "e")],
    words: "2 before, 1 superseded → approved → approved → approved",
  },
  {
    title: "names no commit that is not known",
    runs: [of(2, "a", voided)],
    words: "superseded",
  },
] satisfies Row[])("$title", ({ runs, words }) => {
  expect(runsInWords(runs)).toBe(words);
});
