import { expect, it } from "vitest";
import {
  type Directory,
  type Holders,
  type Judging,
  type Verdict,
  verdictOn,
} from "../../../machines/collector/collection.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const NOW = 10 * DAY;

const worktree: Directory = {
  area: "worktree",
  projectId: "demo",
  name: "demo-1",
  path: "/home/worktrees/demo/demo-1",
  isLocked: false,
};
const nobody: Holders = {
  workspace: null,
  session: null,
  claim: null,
  isReviewed: null,
  projects: [],
};
const ready = { state: "ready", kept: null };
const open = { wanted: "running", isOver: false, since: NOW } as const;
const closed = { wanted: "closed", isOver: true, since: NOW - MINUTE } as const;
const mine = { ...nobody, workspace: ready, session: closed };
const judging: Judging = { at: NOW, everyMs: 5 * MINUTE, isPressed: false };

interface Row {
  readonly title: string;
  readonly directory?: Partial<Directory>;
  readonly holders: Holders;
  readonly judging?: Partial<Judging>;
  readonly is: Partial<Verdict>;
}

const keptAt = (at: number) => ({
  ...mine,
  session: { ...closed, since: NOW - DAY },
  workspace: { state: "dirty", kept: { at, reason: "dirty", detail: "a file" } },
});

it.each([
  {
    title: "of a session that works in it stays (D1)",
    holders: { ...mine, session: open },
    is: { verdict: "kept", why: "its session is open", act: null },
  },
  {
    title: "of a session that is over stays until somebody ends the session, and says how (D1)",
    holders: { ...mine, session: { ...open, isOver: true } },
    is: { verdict: "kept", why: "its session is over; ao cleanup ends it" },
  },
  {
    title: "that an objective needs stays, and says what for (D1)",
    holders: { ...mine, session: open, claim: { why: "pull request #1 is open", until: null } },
    is: { verdict: "kept", why: "pull request #1 is open" },
  },
  {
    title: "that is kept to be looked at says until when (D1)",
    holders: { ...mine, session: open, claim: { why: "it ended a moment ago", until: NOW + 1 } },
    is: { verdict: "kept", until: NOW + 1, act: null },
  },
  {
    title: "that is kept to be looked at goes at once when the disk is nearly full (D1)",
    holders: { ...mine, session: open, claim: { why: "it ended a moment ago", until: NOW + 1 } },
    judging: { isPressed: true },
    is: { verdict: "removed", why: "the disk is nearly full", act: "close" },
  },
  {
    title: "that somebody needs stays though the disk is nearly full (D1)",
    holders: { ...mine, session: open, claim: { why: "pull request #1 is open", until: null } },
    judging: { isPressed: true },
    is: { verdict: "kept", act: null },
  },
  {
    title: "that a person has locked stays, whoever else is done with it (D1)",
    directory: { isLocked: true },
    holders: mine,
    judging: { isPressed: true },
    is: { verdict: "kept", why: "a person has locked it (git worktree lock)" },
  },
  {
    title: "orcha-200: that is being made is let alone",
    holders: { ...nobody, workspace: { state: "preparing", kept: null } },
    is: { verdict: "kept", why: "it is being made" },
  },
  {
    title: "that is being removed is not ordered to go again",
    holders: { ...mine, workspace: { state: "reclaiming", kept: null } },
    is: { verdict: "removed", act: null },
  },
  {
    title: "whose session has ended is closed by its session (D2)",
    holders: mine,
    is: { verdict: "removed", act: "close" },
  },
  {
    title: "that could not be removed just now stays, and says why and until when (D3)",
    holders: {
      ...mine,
      workspace: { ...ready, kept: { at: NOW, reason: "unknown", detail: "git" } },
    },
    is: { verdict: "kept", until: NOW + 5 * MINUTE, act: null },
  },
  {
    title: "that could not be removed is tried again after a pass (D3)",
    holders: {
      ...mine,
      session: { ...closed, since: NOW - 5 * MINUTE },
      workspace: { ...ready, kept: { at: NOW - 5 * MINUTE, reason: "unknown", detail: "git" } },
    },
    is: { verdict: "removed", act: "close" },
  },
  {
    title: "that is kept for long is tried again ever more rarely (D3)",
    holders: keptAt(NOW - DAY / 4),
    is: { verdict: "kept", until: NOW + DAY / 2 },
  },
  {
    title: "orcha-199: that all checkouts of a project are cut from stays, and says of which (D5)",
    directory: { area: "mirror", holds: null },
    holders: { ...nobody, projects: ["app", "web"] },
    is: { verdict: "kept", why: "every checkout of app, web is cut from it", act: null },
  },
  {
    title: "that mirrors for nobody stays with what only it holds, and says what (D5)",
    directory: { area: "mirror", holds: "origin does not have refs/heads/ao/app-1" },
    holders: nobody,
    is: {
      verdict: "kept",
      why: "no project is registered with it, but origin does not have refs/heads/ao/app-1",
    },
  },
  {
    title: "that mirrors for nobody, and holds nothing, is swept (D5)",
    directory: { area: "mirror", holds: null },
    holders: nobody,
    is: { verdict: "removed", act: "sweep" },
  },
  {
    title: "that nobody knows is swept (D4)",
    holders: nobody,
    is: { verdict: "removed", act: "sweep" },
  },
  {
    title: "whose session is not known, but whose workspace is, stays (D4)",
    holders: { ...nobody, workspace: ready },
    is: { verdict: "kept", why: "its session is not known" },
  },
  {
    title: "left half made by a session that goes on is settled by its workspace",
    directory: { area: "making" },
    holders: { ...mine, session: open },
    is: { verdict: "kept", act: null },
  },
  {
    title: "left half removed by a session that has ended is swept",
    directory: { area: "trash" },
    holders: { ...mine, workspace: { state: "archived", kept: null } },
    is: { verdict: "removed", act: "sweep" },
  },
  {
    title: "of a reviewer with runs stays",
    directory: { area: "review" },
    holders: { ...nobody, isReviewed: true },
    is: { verdict: "kept", why: "a reviewer looks at it" },
  },
  {
    title: "of a reviewer that is done is released",
    directory: { area: "review" },
    holders: { ...nobody, isReviewed: false },
    is: { verdict: "removed", act: "release" },
  },
  {
    title: "of a reviewer that cannot be told stays",
    directory: { area: "review" },
    holders: nobody,
    is: { verdict: "kept", why: "it cannot be told whose it is" },
  },
] satisfies Row[])("a directory $title", ({ directory, holders, judging: more, is }: Row) => {
  const verdict = verdictOn({ ...worktree, ...directory }, holders, { ...judging, ...more });
  expect(verdict).toMatchObject(is);
});
