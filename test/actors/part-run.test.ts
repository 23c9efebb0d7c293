import { expect, it } from "vitest";
import { endOf } from "../../actors/part-run.ts";
import { Failure } from "../../machines/failures.ts";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

it("a part whose work broke is stopped before its end is told", async () => {
  const stopping = Promise.withResolvers<void>();
  const told: string[] = [];
  const error = new Failure("STORE_DAMAGED", "read");
  const ended = endOf(Promise.reject(error), async () => {
    told.push("stop");
    await stopping.promise;
  });
  void ended.then(() => told.push("told"));
  await settle();
  expect(told).toEqual(["stop"]);
  stopping.resolve();
  expect(await ended).toEqual({ cause: "crash", error });
});

it("a system whose store was lost publishes and does nothing any more once its end is told", async () => {
  const world = new World({
    act: async () => Promise.reject(new Failure("TMUX_UNREACHABLE", "x")),
  });
  for (const id of ["a", "b"]) await world.open(id);
  world.fateOf = ({ subject }) => (subject.startsWith("ao.msg.") ? "refused" : "stored");
  await world.ask("session/a", "tally.tell", { to: "session/b", n: 1 });
  await world.ask("session/a", "tally.work", { text: "x" });
  await settle();
  const { system } = world;
  const ended = endOf(system.finished, async () => system.stop());
  world.store.commit = async () => Promise.reject(new Failure("STORE_DAMAGED", "lost"));
  const unanswered = world.ask("session/b", "tally.add", { n: 1 }).catch((told: unknown) => told);
  expect(await ended).toMatchObject({ cause: "crash" });
  const before = [world.deeds.length, world.stream.messages(0, 99).length];
  world.fateOf = () => "stored";
  await world.clock.advance(300_000);
  expect([world.deeds.length, world.stream.messages(0, 99).length]).toEqual(before);
  expect(before[0]).toBeGreaterThan(0);
  expect(await unanswered).toMatchObject({ code: "NOT_READY" });
});
