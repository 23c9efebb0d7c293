import { describe, expect, it } from "vitest";
import { Batch, type Resident } from "../../actors/batch.ts";
import { bearActor } from "../../actors/live-actor.ts";
import { tallyKind } from "../support/tally.ts";

// Which timer rows a batch writes and removes, as a pure function: where it is wrong, a running daemon fires for ever.

const kind = tallyKind();
const wake = { dueAt: 5_000, seq: 2 };

function residentWith(timers: Resident["timers"]): Resident {
  return {
    address: "session/a",
    kind,
    live: bearActor(kind, { address: "session/a", id: "a", at: 0 }),
    createdAt: 0,
    seq: 2,
    updatedAt: 0,
    timers,
    strikes: 0,
    isQuarantined: false,
    needsCheckpoint: false,
  };
}

const EMPTY = {
  commits: 0,
  globalSeq: 0,
  deadSeq: 0,
  books: { received: 0, applied: 0, duplicate: 0, stale: 0, dead: 0 },
};
const ROW = { address: "session/a", name: "wake", ...wake };
const LATER = { dueAt: 9_000, seq: 3 };

describe("R7: what is due after a batch", () => {
  it.each([
    { title: "is what was armed", was: {}, is: { wake }, armed: [ROW], cancelled: [] },
    { title: "is not what was cancelled", was: { wake }, is: {}, armed: [], cancelled: [ROW] },
    {
      title: "is what was moved, at its new time alone",
      was: { wake },
      is: { wake: LATER },
      armed: [{ ...ROW, ...LATER }],
      cancelled: [ROW],
    },
    {
      title: "is what stayed as it was",
      was: { wake },
      is: { wake: { ...wake } },
      armed: [],
      cancelled: [],
    },
  ])("$title", ({ was, is, armed, cancelled }) => {
    const batch = new Batch(EMPTY);
    const resident = residentWith(was);
    batch.touch(resident);
    resident.timers = is;
    expect(batch.changes()).toMatchObject({ armed, cancelled });
  });

  it.each([
    { title: "nothing of an actor that was quarantined", was: false, armed: [], cancelled: [ROW] },
    { title: "all of one that was released", was: true, armed: [ROW], cancelled: [] },
  ])("is $title (R8)", ({ was, armed, cancelled }) => {
    const batch = new Batch(EMPTY);
    const resident = residentWith({ wake });
    resident.isQuarantined = was;
    batch.touch(resident);
    resident.isQuarantined = !was;
    expect(batch.changes()).toMatchObject({ armed, cancelled });
  });
});
