import { describe, expect, it } from "vitest";
import type { PaneRow } from "../../adapters/terminal/panes.ts";
import { outageReader } from "../../probes/outage.ts";

const still = { now: () => 0, holdMs: 6_000 };

type Seen = "alive" | "dead" | "paneless";

/** A fleet `mer-1`, `mer-2`, … as one listing shows it. */
function fleet(...seen: Seen[]): PaneRow[] {
  return seen.map((is, index) => ({
    terminal: `mer-${index + 1}`,
    epoch: 1,
    hasPane: is === "alive",
    process: is === "paneless" ? "indeterminate" : is,
  }));
}

function times(n: number, seen: Seen): Seen[] {
  return Array.from({ length: n }, () => seen);
}

describe("deaths in one listing", () => {
  it.each([
    { title: "6 of 6", before: times(6, "alive"), after: times(6, "dead"), dead: 6, of: 6 },
    {
      title: "5 of 9",
      before: times(9, "alive"),
      after: [...times(5, "dead"), ...times(4, "alive")],
      dead: 5,
      of: 9,
    },
    {
      title: "6 whose panes are gone",
      before: times(6, "alive"),
      after: [...times(2, "dead"), ...times(4, "paneless")],
      dead: 6,
      of: 6,
    },
  ] as const)("are an outage: $title (U1)", ({ before, after, dead, of }) => {
    const read = outageReader(still);
    read(fleet(...before));
    const reading = read(fleet(...after));
    expect(reading.outage).toEqual({ dead, of });
    expect([reading.held.length, reading.lost.length]).toEqual([dead, 0]);
    expect(reading.sound).toHaveLength(of - dead);
  });

  it.each([
    {
      title: "2 of 6",
      before: times(6, "alive"),
      after: [...times(2, "dead"), ...times(4, "alive")],
    },
    { title: "2 of 2", before: times(2, "alive"), after: times(2, "dead") },
    { title: "4 of 4", before: times(4, "alive"), after: times(4, "dead") },
    {
      title: "5 of 10",
      before: times(10, "alive"),
      after: [...times(5, "dead"), ...times(5, "alive")],
    },
    { title: "6 that had died before", before: times(6, "dead"), after: times(6, "dead") },
  ] as const)("are deaths: $title (U1)", ({ before, after }) => {
    const read = outageReader(still);
    read(fleet(...before));
    const { sound, held, outage } = read(fleet(...after));
    expect([sound.length, held.length, outage]).toEqual([after.length, 0, undefined]);
  });
});

describe("what was lost while nobody looked", () => {
  const ran = times(6, "alive").map((_, index) => ({ terminal: `mer-${index + 1}`, epoch: 1 }));
  const ownEnds = fleet(...times(6, "dead")).map((row) => ({ ...row, hasPane: true }));

  it.each([
    { title: "6 of 6 without a pane are an outage", rows: fleet(...times(6, "dead")), dead: 6 },
    {
      title: "5 of 6 without a pane are an outage",
      rows: fleet(...times(5, "paneless"), "alive"),
      dead: 5,
    },
    {
      title: "6 that ended by themselves, and left their panes, are deaths",
      rows: ownEnds,
      dead: 0,
    },
    {
      title: "6 of another epoch are deaths",
      rows: fleet(...times(6, "dead")).map((row) => ({ ...row, epoch: 2 })),
      dead: 0,
    },
    {
      title: "2 of 6 are deaths",
      rows: fleet(...times(2, "dead"), ...times(4, "alive")),
      dead: 0,
    },
  ])("$title (U3)", ({ rows, dead }) => {
    const reading = outageReader(still, ran)(rows);
    expect([reading.outage?.dead ?? 0, reading.held.length]).toEqual([dead, dead]);
    expect(reading.sound).toHaveLength(rows.length - dead);
  });
});

describe("who ran, and of whom neither pane nor record is there", () => {
  const ran = [
    { terminal: "mer-1", epoch: 1 },
    { terminal: "mer-2", epoch: 3 },
  ];
  const doubt = { terminal: "mer-2", epoch: 3, hasPane: false, process: "indeterminate" };

  it("is in doubt at every listing, until there is something of it again (U4)", () => {
    const read = outageReader(still, ran);
    expect(read(fleet("alive")).sound).toEqual([...fleet("alive"), doubt]);
    expect(read(fleet("alive")).sound).toEqual([...fleet("alive"), doubt]);
    const back: PaneRow = { terminal: "mer-2", epoch: 4, hasPane: true, process: "alive" };
    expect(read([back]).sound).toEqual([back]);
    expect(read([]).sound).toEqual([]);
  });
});

it("lets go who is still gone after the hold, however often it looks, and who is back (U2)", () => {
  let at = 0;
  const read = outageReader({ now: () => at, holdMs: 6_000 });
  read(fleet(...times(6, "alive")));
  read(fleet(...times(6, "dead")));
  const back = [...times(5, "dead"), "alive" as const];
  const readings = [1, 2, 3, 5_999, 6_000, 7_000].map((ms) => {
    at = ms;
    const { sound, held, lost } = read(fleet(...back));
    return [sound.length, held.length, lost.length];
  });
  const [isHeld, isLost] = [
    [1, 5, 0],
    [1, 0, 5],
  ];
  expect(readings).toEqual([isHeld, isHeld, isHeld, isHeld, isLost, isLost]);
});
