import { expect, it } from "vitest";
import { HANDLE, ReviewWorld } from "../support/review-world.ts";
import { sha } from "../support/outside.ts";

const URL = "https://forge.test/1";

interface Told {
  readonly causes: readonly {
    readonly type: string;
    readonly name: string;
    readonly address?: string;
    readonly seq?: number;
    readonly brings?: object;
  }[];
}

/** Why the first step of a reviewer's terminal was taken: `type name @ address`, oldest first. */
async function whyReviewer(world: ReviewWorld): Promise<string[]> {
  const id = encodeURIComponent(`terminal/${HANDLE}#1`);
  const { body } = await world.request<Told>("GET", `/causes/${id}`);
  return body.causes.map(
    ({ type, name, address, brings }) =>
      `${type} ${name} @ ${address}${brings === undefined ? "" : ` brings ${JSON.stringify(brings)}`}`,
  );
}

const push = (head: string): string =>
  `observation scm.observed @ session/demo-1 brings ${JSON.stringify({ prUrl: URL, headSha: head })}`;

it("begins the story of a reviewer that a person asked for with the push (C1)", async () => {
  const world = await ReviewWorld.with();
  await world.trigger();
  expect(await whyReviewer(world)).toEqual([
    push(sha(1)),
    "command session.review @ session/demo-1",
    "mail review.trigger @ review/demo-1",
    "order prepareReview @ review/demo-1",
    "result prepareReview.done @ review/demo-1",
    `mail child.start @ terminal/${HANDLE}`,
  ]);
});

it("tells of a review that began by itself the push before the rest that it waited for (C1)", async () => {
  const world = await ReviewWorld.with({ config: { autoReview: true } });
  world.pull(1, { headSha: sha(7) });
  await world.tellPulls();
  await world.tellPulls();
  await world.says("idle");
  await world.advance(60_000);
  const told = await whyReviewer(world);
  expect(told.slice(0, 4)).toEqual([
    push(sha(7)),
    "observation activity.observed @ session/demo-1",
    "mail worker.seen @ review/demo-1",
    "timer timer.due @ review/demo-1",
  ]);
  expect(told.at(-1)).toBe(`mail child.start @ terminal/${HANDLE}`);
});

it("names no step that is not there", async () => {
  const world = await ReviewWorld.with();
  for (const id of ["session/demo-1#9999", "nobody/x#1"]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { status, body } = await world.request("GET", `/causes/${encodeURIComponent(id)}`);
    expect([status, body.code]).toEqual([404, "CAUSE_UNKNOWN"]);
  }
});
