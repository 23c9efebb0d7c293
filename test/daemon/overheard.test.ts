import { expect, it } from "vitest";
import { overhear, wordsOfOthers } from "../../bin/daemon/overheard.ts";
import type { ActorSystem } from "../../actors/actor-system.ts";
import { manualClock } from "../support/clock.ts";

type Heard = Parameters<ActorSystem["onCommitted"]>[0];

/** Commits one word to a session, and what was told of it by when. */
function overhearing() {
  const clock = manualClock(100_000);
  const told: string[] = [];
  let commit: Heard | undefined;
  const system: Pick<ActorSystem, "onCommitted"> = {
    onCommitted: (heard) => {
      commit = heard;
      return () => (commit = undefined);
    },
  };
  const deafen = overhear({ system, clock }, "workspace", (id) =>
    told.push(`${id} ${clock.now()}`),
  );
  const say = (id: string, at: number, message: object = {}): void => {
    const address = `session/${id}`;
    const entry = { address, message: { id: "x", type: "workspace.observed", at, ...message } };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no more of it is read
    commit?.({ entries: [entry], summaries: [] } as unknown as Parameters<Heard>[0]);
  };
  return { clock, told, say, deafen };
}

it("tells of one word after a second, and of all that came meanwhile once (H1)", async () => {
  const { clock, told, say } = overhearing();
  say("a", 100_000);
  await clock.advance(900);
  say("a", 100_900);
  say("b", 100_900);
  await clock.advance(5_000);
  expect(told).toEqual(["a 101000", "b 101900"]);
});

it("waits for the time of a word that is dated ahead (H2)", async () => {
  const { clock, told, say } = overhearing();
  say("a", 100_000);
  say("a", 150_000);
  say("a", 100_000);
  await clock.advance(49_999);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect(told).toEqual(["a 150000"]);
});

it("hears neither the probe itself nor another lane, and nothing once it is deaf", async () => {
  const { clock, told, say, deafen } = overhearing();
  say("a", 100_000, { id: "workspace:a:7.1" });
  say("a", 100_000, { type: "runtime.observed" });
  await clock.advance(5_000);
  say("b", 105_000);
  deafen();
  say("c", 105_000);
  await clock.advance(5_000);
  expect(told).toEqual([]);
});

it("tells what others say of pull requests, and not what the probe of GitHub says", () => {
  let commit: Heard | undefined;
  const told: unknown[] = [];
  wordsOfOthers(
    { onCommitted: (heard) => ((commit = heard), () => undefined) },
    "pulls",
    (id, { data }) => told.push([id, data]),
  );
  const entries = ["pulls:app:0.1", "mine"].map((id) => ({
    address: "forge/app",
    message: { id, type: "pulls.observed", at: 0, data: id },
  }));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no more of it is read
  commit?.({ entries, summaries: [] } as unknown as Parameters<Heard>[0]);
  expect(told).toEqual([["app", "mine"]]);
});
