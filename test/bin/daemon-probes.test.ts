import { expect, it } from "vitest";
import { runningOf, targetOf } from "../../bin/daemon/probes.ts";
import type { SummaryRow } from "../../storage/store.ts";

const row = { isDone: false, updatedAt: 1, seq: 1 };
const forge = { ...row, address: "forge/app", facts: { root: "/app" } } as const;
const workspace = { ...row, address: "workspace/app-1", facts: { path: "/tree" } } as const;
const refs = { type: "refs", project: "app", repo: "/app" };
const tree = { type: "workspace", session: "app-1", path: "/tree" };

it.each([
  { title: "the refs of a forge that serves", of: { ...forge, value: "serving" }, is: refs },
  { title: "nothing of one that is closed", of: { ...forge, value: "closed" }, is: undefined },
  { title: "a worktree that is ready", of: { ...workspace, value: "ready" }, is: tree },
  { title: "a worktree that is dirty", of: { ...workspace, value: "dirty" }, is: tree },
  {
    title: "nothing of one that is made",
    of: { ...workspace, value: "preparing" },
    is: undefined,
  },
  {
    title: "nothing of one that is over",
    of: { ...workspace, value: "ready", isDone: true },
    is: undefined,
  },
  {
    title: "nothing of other actors",
    of: { ...forge, address: "session/app", value: "serving" },
    is: undefined,
  },
] satisfies { title: string; of: SummaryRow; is: object | undefined }[])(
  "looks at $title",
  ({ of, is }) => {
    expect(targetOf(of)).toEqual(is);
  },
);

it.each([
  { title: "one that runs", value: { live: "ready" }, is: { terminal: "app-1", epoch: 2 } },
  {
    title: "one that is typed into",
    value: { live: "delivering" },
    is: { terminal: "app-1", epoch: 2 },
  },
  { title: "none that ended", value: "exited", is: undefined },
  { title: "none that is being ended", value: "destroying", is: undefined },
])("takes for running, when a daemon begins, $title (U3)", ({ value, is }) => {
  const of = { ...row, address: "terminal/app-1", value, facts: { epoch: 2 } } as const;
  expect(runningOf(of)).toEqual(is);
});
