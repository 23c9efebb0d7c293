import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";

// The cases of supervision: each has a test whose title names it, or a reason here why it has none.

const Cases = z.array(z.object({ id: z.string(), area: z.string() }));
const file = new URL("../cases/supervision.json", import.meta.url);
const cases = Cases.parse(JSON.parse(readFileSync(file, "utf8")));
const tests = globSync("test/**/*.test.ts").filter(
  (name) => !name.endsWith("objective-cases.test.ts"),
);

// The ids that a title begins with: `orcha-003, S2: is not poked …`.
const TITLE =
  /(?:\b(?:it|describe)(?:\.each\([\s\S]*?\]\))?\(\s*|\btitle:\s*)["`]((?:(?:orcha-\d{3}|[A-Z]\d{1,2})(?:, |: ))+)/g;
const named = new Set(
  tests
    .flatMap((name) => [...readFileSync(name, "utf8").matchAll(TITLE)])
    .flatMap(([, ids = ""]) => ids.split(/[,:] /))
    .filter((id) => id !== ""),
);

const of = (numbers: string): string[] => numbers.split(" ").map((number) => `orcha-${number}`);

const Reasons = z.record(z.string(), z.string().min(40));
const reasonsFile = new URL("../cases/supervision-left-out.json", import.meta.url);
/** Why a case has no test of its own: a reason of its own each. */
const left = Reasons.parse(JSON.parse(readFileSync(reasonsFile, "utf8")));

/** The same for several cases at once. */
const LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  "Workers publish by themselves and are told of comments and checks by their session: there are no follow-up sessions, so none are spawned, steered, deduplicated or revived.":
    of("043 209 281"),
  "Every session has a worktree of its own on its own branch: there is no shared scratch, no inherited checkout and no lock on one.":
    of("091 171 172"),
  "A project is one repository, registered beforehand: there is no objective without one, no fork, and no mirror of it to keep.":
    of("076 093 265"),
  "There is one host: no target is registered, pinned, drained, vanishes or moves, nothing is written to one, and no tunnel leads to it.":
    of("168 196"),
  "Worktrees are made and removed by adapters/worktrees.ts; their tests hold this.": of(
    "079 188 262 268 269 271 272",
  ),
  "Sessions and terminals outlive the daemon and are held by leases; their own tests hold this.":
    of("084 102 103 105 106 107 108 109 117 118 122 129 130 143 150 153 288 318"),
  "Reviews have an actor and cases of their own.": of("244 245 246 250"),
  "Told by http/ and adapters/, whose tests hold it for every kind of actor.":
    of("159 164 231 232 258"),
  "There is no such tool or role: an agent's diff is on its branch, its tokens are its harness's, all workers are told with show.":
    of("072 073 128 329"),
  "The picture shows a worker's own result, or what it does: nothing is scraped from its screen.":
    of("040"),
};

it("every case of supervision has a test that names it, or a reason why it has none", () => {
  const reasons = [...Object.values(LEFT_OUT).flat(), ...Object.keys(left)];
  const ids = cases.map(({ id }) => id);
  expect(ids.filter((id) => !named.has(id) && !reasons.includes(id))).toEqual([]);
  expect(reasons.filter((id) => !ids.includes(id) || named.has(id))).toEqual([]);
  expect(new Set(reasons).size).toBe(reasons.length);
  expect(new Set(Object.values(left)).size).toBe(Object.keys(left).length);
});

/** The defects of the reference that cannot come up here, and why. */
const IMPOSSIBLE: Readonly<Record<string, string>> = {
  G5: "There is one host, and a session is launched in the worktree that was made for itself: nothing is prepared in one place and run in another.",
  S20: "A comment starts no session: it is typed to the one whose pull request it is about, and the local forge takes comments from holders of a token only.",
};

it("every defect of the reference has a test whose title begins with its id, or cannot come up here", () => {
  const count = { G: 12, S: 22 };
  const ids = Object.entries(count).flatMap(([area, most]) =>
    Array.from({ length: most }, (_, n) => `${area}${n + 1}`),
  );
  expect(ids.at(-1)).toBe("S22");
  expect(ids.filter((id) => !named.has(id) && IMPOSSIBLE[id] === undefined)).toEqual([]);
  expect(Object.keys(IMPOSSIBLE).filter((id) => named.has(id))).toEqual([]);
});
