import { describe, expect, it } from "vitest";
import { github, type Github } from "../../../adapters/github/github.ts";
import type { FollowedPull } from "../../../machines/observations.ts";
import { fakeGithub, said, type FakeGithub } from "../../support/github.ts";

const until = new AbortController().signal;

async function scene(): Promise<{ there: FakeGithub; here: Github }> {
  const there = await fakeGithub();
  const here = github({ GITHUB_API_URL: there.url, GH_TOKEN: there.token, PATH: "" }, "1");
  return { there, here };
}

async function lookAt(here: Github, name: string): Promise<readonly FollowedPull[]> {
  const wanted = { branches: [{ name, since: 0 }], numbers: [] };
  return (await here.look("acme/app", wanted, until)).pulls;
}

describe("what was said at GitHub", () => {
  const OURS = "agent";
  const EARLY = { createdAt: "2026-01-01T10:00:00Z" };
  const LATE = { createdAt: "2026-01-01T12:00:00Z" };
  const MOVED = "2026-01-01T11:00:00Z";

  it.each([
    { title: "another's word", below: [said("1", "Rename it", "rita")], is: ["1"] },
    { title: "its author's word", below: [said("1", "Renamed it", OURS)], is: [] },
    { title: "its author's word to ao", below: [said("1", "/ao rename it", OURS)], is: ["1"] },
    { title: "the same after a line", below: [said("1", "\n /AO: rename it", OURS)], is: ["1"] },
    { title: "a word like ao's", below: [said("1", "/aorta", OURS)], is: [] },
    { title: "what quotes a word to ao", below: [said("1", "> /ao rename it", OURS)], is: [] },
    { title: "our word below another's", below: [said("1", "Done", "daemon")], is: [] },
    { title: "our word to ao below another's", below: [said("1", "/ao go", "daemon")], is: ["1"] },
    { title: "an empty word", below: [said("1", " \n", "rita")], is: [] },
    { title: "a thread its author began", threads: [[said("1", "Why?", OURS)]], is: ["1"] },
    {
      title: "what its author answers in a thread",
      threads: [[said("1", "Why?", "rita"), said("2", "Because", OURS)]],
      is: ["1"],
    },
    {
      title: "what its author says to ao in a thread",
      threads: [[said("1", "Why?", OURS), said("2", "/ao mend it", OURS)]],
      is: ["1", "2"],
    },
    {
      title: "the beginning of a long thread",
      threads: [["1", "2", "3", "4", "5", "6", "7"].map((id) => said(id, "Hm", OURS))],
      is: ["1"],
    },
    {
      title: "what another answers in a thread",
      threads: [[said("1", "Why?", OURS), said("2", "Yes, why?", "rita")]],
      is: ["1", "2"],
    },
  ] satisfies { title: string; below?: object[]; threads?: object[][]; is: string[] }[])(
    "its agent hears of $title: $is (C1)",
    async ({ below = [], threads = [], is }) => {
      const { there, here } = await scene();
      there.viewer = "daemon";
      const nodes = threads.map((all, line) => ({
        isResolved: false,
        path: "a.ts",
        line,
        comments: { nodes: all },
      }));
      const thereIs = { comments: { nodes: below }, reviewThreads: { nodes } };
      there.open({ headRefName: "x", ...thereIs });
      const [pull] = await lookAt(here, "x");
      expect(pull?.comments.map(({ id }) => id)).toEqual(is);
      // It does not matter how it was said.
      there.open({
        headRefName: "y",
        ...thereIs,
        comments: { nodes: [] },
        reviews: { nodes: below },
      });
      const [reviewed] = await lookAt(here, "y");
      expect(reviewed?.comments.map(({ id }) => id)).toEqual(is);
    },
  );

  it.each([
    { title: "before the branch moved", said: [said("1", "Hm", "rita", EARLY)], is: true },
    { title: "after the branch moved", said: [said("1", "Hm", "rita", LATE)], is: undefined },
    {
      title: "before its author answered",
      said: [
        said("1", "Hm", "rita", { createdAt: "2026-01-01T11:30:00Z" }),
        said("2", "Ah", OURS, LATE),
      ],
      is: true,
    },
    {
      title: "before its author said something to ao",
      said: [
        said("1", "/ao hm", OURS, { createdAt: "2026-01-01T11:30:00Z" }),
        said("2", "/ao so", OURS, LATE),
      ],
      is: undefined,
    },
    { title: "by a program", said: [said("1", "98 %", "cov", { type: "Bot", ...LATE })], is: true },
  ])("what was said below it $title is answered: $is (C2)", async ({ said: nodes, is }) => {
    const { there, here } = await scene();
    const comments = { nodes: [said("t", "Why?", "rita", EARLY)] };
    const thread = { isResolved: false, path: "a.ts", line: 1, comments };
    there.open({
      headRefName: "x",
      comments: { nodes },
      reviewThreads: { nodes: [thread] },
      committedDate: MOVED,
    });
    const [pull] = await lookAt(here, "x");
    const isAnswered = (id: string): boolean | undefined =>
      pull?.comments.find((comment) => comment.id === id)?.isAnswered;
    expect(isAnswered("1")).toBe(is);
    // A thread is answered by being resolved.
    expect(isAnswered("t")).toBeUndefined();
  });
});
