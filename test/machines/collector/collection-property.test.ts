import { assert, boolean, constantFrom, integer, option, property, record } from "fast-check";
import { expect, it } from "vitest";
import {
  AREAS,
  verdictOn,
  type Directory,
  type Holders,
} from "../../../machines/collector/collection.ts";

// The fourth invariant of objectives: no directory goes while it is claimed. Whatever is said of it, in any mixture.

const NOW = 1_000_000_000;
const DAY = 86_400_000;
const times = integer({ min: NOW - 30 * DAY, max: NOW + 30 * DAY });

const directories = record({
  area: constantFrom(...AREAS),
  projectId: constantFrom("demo"),
  name: constantFrom("demo-1"),
  path: constantFrom("/home/worktrees/demo/demo-1"),
  isLocked: boolean(),
  holds: option(constantFrom("origin does not have refs/stash")),
});
const holders = record({
  workspace: option(
    record({
      state: constantFrom("preparing", "ready", "dirty", "reclaiming", "archived", "failed"),
      kept: option(
        record({ at: times, reason: constantFrom("dirty"), detail: constantFrom("a file") }),
      ),
    }),
  ),
  session: option(
    record({
      wanted: constantFrom("running", "closing", "closed"),
      isOver: boolean(),
      since: times,
    }),
  ),
  claim: option(record({ why: constantFrom("its pull request is open"), until: option(times) })),
  isReviewed: option(boolean()),
  projects: constantFrom([], ["demo"]),
});
const judgings = record({
  at: constantFrom(NOW),
  everyMs: constantFrom(300_000),
  isPressed: boolean(),
});

/** Why it must stay; undefined when nothing says so. */
function needOf(
  { area, isLocked, holds }: Directory,
  seen: Holders,
  isPressed: boolean,
): string | undefined {
  const { session, claim, isReviewed } = seen;
  if (area === "mirror") return mirrorNeed(seen.projects, holds);
  if (area === "review") return isReviewed === false ? undefined : "a reviewer, or in doubt";
  if (isLocked) return "a person has locked it";
  if (session === null || session.wanted !== "running") return undefined;
  if (claim === null) return "its session is open";
  if (claim.until === null) return claim.why;
  return claim.until > NOW && !isPressed ? claim.why : undefined;
}

function mirrorNeed(projects: readonly string[], holds: Directory["holds"]): string | undefined {
  return projects[0] ?? holds ?? undefined;
}

it("no directory goes while anything claims it, whatever else is said (invariant 4, D1)", () => {
  expect.hasAssertions();
  const isKept = property(directories, holders, judgings, (directory, seen, judging) => {
    const verdict = verdictOn(directory, seen, judging);
    const need = needOf(directory, seen, judging.isPressed);
    // Nobody is asked to remove it. That it is being removed already is only told.
    expect([need, verdict.act]).toEqual([need, need === undefined ? verdict.act : null]);
    expect(verdict.act === null || verdict.verdict === "removed").toBe(true);
    // What a session may still come to is never swept; a mirror is no session's.
    const isOfNone = directory.area === "mirror";
    const mayBeSwept = isOfNone || seen.session === null || seen.session.wanted === "closed";
    expect(verdict.act !== "sweep" || mayBeSwept).toBe(true);
  });
  assert(isKept, { numRuns: 2_000 });
});
