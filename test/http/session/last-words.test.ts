/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-return -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import { lastLine } from "../../../http/session/last-words.ts";
import { Failure } from "../../../machines/failures.ts";
import { served, withProject, withSession } from "../../support/http.ts";

describe("the last words of a screen", () => {
  it.each([
    { title: "its last line", screen: "one\ntwo\n\n", is: "two" },
    { title: "nothing of an empty one", screen: "\n  \n", is: undefined },
    { title: "not its prompt", screen: "I am done.\n$ \n", is: "I am done." },
    {
      title: "not the frame and the hints of an agent (L3)",
      screen: "● Tests pass.\n╭──────╮\n│ >    │\n╰──────╯\n  ? for shortcuts\n",
      is: "● Tests pass.",
    },
    {
      title: "not how to interrupt it (L3)",
      screen: "Reading src/a.ts\nesc to interrupt\n",
      is: "Reading src/a.ts",
    },
    { title: "a question in a frame", screen: "│ Delete it?  (y/n) │\n", is: "Delete it? (y/n)" },
    { title: "no control characters (L2)", screen: "a\u001b[2Jbc\u0007\n", is: "a [2Jbc" },
    { title: "at most 200 characters (L2)", screen: "x".repeat(500), is: "x".repeat(200) },
    {
      title: "the question of a menu, not its last choice (L4)",
      screen:
        " Do you want to proceed?\n ❯ 1. Yes\n   2. Yes, always\n   3. No\n\n Esc to cancel\n",
      is: "Do you want to proceed?",
    },
    { title: "a choice, when nothing was asked", screen: "❯ 1. Yes\n", is: "❯ 1. Yes" },
    {
      title: "a list that is none to choose from",
      screen: "Done:\n1. This\n2. That\n",
      is: "2. That",
    },
    { title: "words of any script", screen: "完成了\n---\n", is: "完成了" },
  ])("are $title", ({ screen, is }) => {
    expect(lastLine(screen)).toBe(is);
  });
});

describe("a list of sessions", () => {
  it("looks at all screens once, and only when words are asked for (L1)", async () => {
    const asked: string[][] = [];
    const server = await served({
      screens: async (terminals) => {
        asked.push([...terminals]);
        return Promise.resolve(new Map([["demo-1", "I am busy\n"]]));
      },
    });
    await withProject(server);
    await withSession(server);
    await withSession(server);
    const { body: plain } = await server.request("GET", "/sessions");
    expect([asked, "lastWords" in plain.sessions[0]]).toEqual([[], false]);
    const { body } = await server.request("GET", "/sessions?words=true");
    expect(asked).toEqual([["demo-1", "demo-2"]]);
    expect(body.sessions).toMatchObject([
      { lastWords: { text: "I am busy", source: "screen" } },
      { lastWords: null },
    ]);
  });

  it("takes what an agent reported for its last words, screens or not (L1)", async () => {
    const server = await served({
      screens: async () =>
        Promise.reject(new Failure("TMUX_UNREACHABLE", "list all panes: it is away")),
    });
    await withProject(server);
    await withSession(server);
    await withSession(server);
    await server.request("POST", "/sessions/demo-1/report", { summary: "All of it\nis done." });
    const { status, body } = await server.request("GET", "/sessions?words=true");
    expect([status, body.sessions]).toMatchObject([
      200,
      [{ lastWords: { text: "All of it is done.", source: "report" } }, { lastWords: null }],
    ]);
  });
});
