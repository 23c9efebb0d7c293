import { expect, it } from "vitest";
import { markOf, whyOf } from "../../bin/commands/session-list.ts";

const TERMINAL = { id: "demo-1", epoch: 1, state: "live", attach: [] };

it.each([
  { title: "what it asked", facts: { questionId: "demo-o1-q1" }, why: /^asked demo-o1-q1: ao / },
  {
    title: "what could not be done",
    facts: { status: "errored", trouble: { code: "X", message: "no such file", at: 1 } },
    why: /^no such file$/,
  },
  {
    title: "why it could not be restored after a kill",
    facts: {
      status: "killed",
      statusReason: "manually_killed",
      trouble: { code: "X", message: "cannot run it", at: 1 },
    },
    why: /^cannot run it$/,
  },
  {
    title: "how its program ended by itself",
    facts: {
      status: "killed",
      statusReason: "agent_process_exited",
      terminal: { ...TERMINAL, state: "stopped", exitCode: 3 },
    },
    why: /^agent process exited: exit code 3$/,
  },
  {
    title: "that it was killed, whatever its program said to that",
    facts: {
      status: "killed",
      statusReason: "manually_killed",
      terminal: { ...TERMINAL, state: "stopped", exitCode: 3 },
    },
    why: /^manually killed$/,
  },
  { title: "that its agent never spoke", facts: {}, why: /ao hook command active\|idle$/ },
  {
    title: "nothing of that before its program runs",
    facts: { terminal: { ...TERMINAL, state: "starting" } },
    why: /^a reason$/,
  },
  { title: "nothing else once it spoke", facts: { status: "working" }, why: /^a reason$/ },
  { title: "nothing of agents with hooks", facts: { harness: "codex" }, why: /^a reason$/ },
] as const)("ls says of a session $title", ({ facts, why }) => {
  const said = { status: "spawning", statusReason: "a_reason", harness: "command" } as const;
  const session = { ...said, terminal: TERMINAL, trouble: null, ...facts };
  expect(whyOf(session)).toMatch(why);
});

it.each([
  { title: "a person who is asked", facts: { questionId: "demo-o1-q1" }, mark: "!" },
  { title: "a person who is needed", facts: { attention: "needs" }, mark: "!" },
  { title: "nobody", facts: {}, mark: "" },
] as const)("ls marks a session that waits for $title", ({ facts, mark }) => {
  expect(markOf({ attention: "resting", notices: [], ...facts })).toBe(mark);
});
