import { describe, expect, it } from "vitest";
import type { Failure } from "../../machines/failures.ts";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

describe("an observation", () => {
  it("published by any client moves the actor it names", async () => {
    const world = new World();
    await world.open("a");
    await world.publish("ao.obs.activity.a", { state: "idle" });
    await settle();
    expect(world.tally("a").activity).toEqual(["idle"]);
  });

  it("published while the daemon is down is applied when it is up", async () => {
    const world = new World();
    await world.open("a");
    const { bus } = world;
    await world.system.stop();
    await bus.publish({
      subject: "ao.obs.activity.a",
      body: new TextEncoder().encode(`{"state":"active"}`),
    });
    await world.restart();
    expect(world.tally("a").activity).toEqual(["active"]);
  });
});

describe("R3: once", () => {
  it("a message id that was applied changes nothing when it comes again", async () => {
    const world = new World();
    await world.open("a");
    for (const id of ["x", "x", "y"]) {
      await world.publish("ao.cmd.session.a", { id, type: "tally.add", data: { n: 1 } });
    }
    await settle();
    expect(world.tally("a").sum).toBe(2);
    expect(world.system.report()).toMatchObject({
      received: 4,
      applied: 3,
      duplicate: 1,
      isBalanced: true,
    });
  });

  it("a repeated command gets the first outcome, also after a restart", async () => {
    const world = new World();
    await world.open("a");
    await world.ask("session/a", "tally.add", { n: 3 });
    const first = await world.ask("session/a", "tally.ask", {}, "cmd:key-1");
    await world.ask("session/a", "tally.add", { n: 3 });
    await world.restart();
    const again = await world.ask("session/a", "tally.ask", {}, "cmd:key-1");
    expect(first).toMatchObject({ type: "applied", reply: { sum: 3 } });
    expect(again).toEqual(first);
  });

  it("a probe cannot take the id of a mail that is yet to come", async () => {
    const world = new World();
    await world.open("a");
    await world.open("b");
    // The next order of session/a would be named session/a#2.0.
    await world.publish("ao.obs.activity.a", { state: "idle" }, { "Nats-Msg-Id": "session/a#2.0" });
    await settle();
    await world.ask("session/a", "tally.tell", { to: "session/b", n: 5 });
    await settle();
    await world.clock.advance(60_000);
    expect(world.tally("b").sum).toBe(5);
    expect(world.store.deadLetters({ after: 0, limit: 10 })).toMatchObject([
      { code: "ID_RESERVED" },
    ]);
  });
});

describe("bad messages", () => {
  it.each([
    { title: "no JSON", subject: "ao.obs.activity.a", body: "{", code: "BAD_JSON" },
    {
      title: "bytes that are no text",
      subject: "ao.cmd.session.a",
      body: "\u0000",
      code: "BAD_JSON",
    },
    {
      title: "an array for an envelope",
      subject: "ao.cmd.session.a",
      body: "[]",
      code: "SHAPE_WRONG",
    },
    {
      title: "an envelope without type",
      subject: "ao.cmd.session.a",
      body: "{}",
      code: "SHAPE_WRONG",
    },
    {
      title: "a wrong shape",
      subject: "ao.obs.activity.a",
      body: `{"state":"asleep"}`,
      code: "SHAPE_WRONG",
    },
    { title: "null", subject: "ao.obs.activity.a", body: "null", code: "SHAPE_WRONG" },
    { title: "an unknown lane", subject: "ao.obs.mood.a", body: "{}", code: "SUBJECT_UNKNOWN" },
    {
      title: "an unknown kind",
      subject: "ao.cmd.robot.a",
      body: `{"type":"x"}`,
      code: "KIND_UNKNOWN",
    },
    {
      title: "a kind nobody plays",
      subject: "ao.cmd.review.a",
      body: `{"type":"x"}`,
      code: "KIND_UNKNOWN",
    },
    {
      title: "an unknown type",
      subject: "ao.cmd.session.a",
      body: `{"type":"tally.dance"}`,
      code: "TYPE_UNKNOWN",
    },
    {
      title: "a type named like an object's own",
      subject: "ao.cmd.session.a",
      body: `{"type":"constructor"}`,
      code: "TYPE_UNKNOWN",
    },
    {
      title: "an unknown actor",
      subject: "ao.obs.activity.ghost",
      body: `{"state":"idle"}`,
      code: "ACTOR_UNKNOWN",
    },
    {
      title: "an ended actor",
      subject: "ao.cmd.session.ended",
      body: `{"type":"tally.ask"}`,
      code: "ACTOR_TERMINAL",
    },
    {
      title: "a step that throws",
      subject: "ao.cmd.session.a",
      body: `{"type":"tally.throw"}`,
      code: "STEP_THREW",
    },
    {
      title: "an epoch that was never begun",
      subject: "ao.obs.activity.a",
      body: `{"state":"idle","epoch":9}`,
      code: "EPOCH_UNKNOWN",
    },
    {
      title: "a body over the limit",
      subject: "ao.obs.activity.a",
      body: JSON.stringify({ state: "idle", event: "x".repeat(3_000) }),
      code: "MESSAGE_TOO_LARGE",
    },
    {
      title: "a subject with too many parts",
      subject: "ao.obs.activity.a.b",
      body: "{}",
      code: "SUBJECT_UNKNOWN",
    },
  ])(
    "$title becomes a dead letter with $code and stops nothing",
    async ({ subject, body, code }) => {
      const world = new World({ settings: { limits: { bodyBytes: 2_048 } } });
      await world.open("a");
      await world.open("ended");
      await world.ask("session/ended", "tally.end");
      await world.publish(subject, body);
      await world.publish("ao.obs.activity.a", { state: "active" });
      await settle();
      expect(world.store.deadLetters({ after: 0, limit: 10 })).toMatchObject([
        { id: 1, code, subject },
      ]);
      expect(world.tally("a").activity).toEqual(["active"]);
      expect(world.system.report()).toMatchObject({ dead: 1, isBalanced: true });
    },
  );

  it("can be retried once the reason is gone", async () => {
    const world = new World();
    await world.publish("ao.obs.activity.late", { state: "idle" });
    await settle();
    await world.open("late");
    const outcome = await world.system.retry(1);
    expect(outcome).toMatchObject({ type: "applied" });
    expect(world.tally("late").activity).toEqual(["idle"]);
    expect(world.store.deadLetter(1)).toMatchObject({ retries: 1, retriedAt: world.clock.now() });
  });
});

describe("R6: fenced", () => {
  it("an observation of an older epoch is counted stale and changes nothing", async () => {
    const world = new World();
    await world.open("a");
    await world.ask("session/a", "tally.raise");
    await world.ask("session/a", "tally.raise");
    await world.publish("ao.obs.activity.a", { state: "idle", epoch: 1 });
    await world.publish("ao.obs.activity.a", { state: "active", epoch: 2 });
    await settle();
    expect(world.tally("a").activity).toEqual(["active"]);
    expect(world.system.report()).toMatchObject({ stale: 1, isBalanced: true });
  });

  it("an effect of an older epoch is not begun, and its order closes", async () => {
    const gate = Promise.withResolvers<void>();
    const world = new World({
      act: async (deed) => {
        if (world.deeds[0] === deed) await gate.promise;
        return { repeated: false };
      },
    });
    await world.open("a");
    await world.ask("session/a", "tally.work", { text: "first" });
    await world.ask("session/a", "tally.raise");
    await world.ask("session/a", "tally.work", { text: "second" });
    await world.ask("session/a", "tally.raise");
    gate.resolve();
    await settle();
    expect(world.deeds).toMatchObject([{ data: { text: "first" } }]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it("an effect under way is aborted when its epoch is over", async () => {
    const aborted = Promise.withResolvers<void>();
    const world = new World({
      act: async (_, { signal }) => {
        signal.addEventListener("abort", () => aborted.resolve());
        return Promise.withResolvers<never>().promise;
      },
    });
    await world.open("a");
    await world.ask("session/a", "tally.raise");
    await world.ask("session/a", "tally.work", { text: "hangs" });
    await world.ask("session/a", "tally.raise");
    await aborted.promise;
    await world.clock.advance(2_000);
    expect(world.system.report()).toMatchObject({ outbox: 0 });
  });
});

describe("R8: contained", () => {
  it("a step that throws leaves the actor in its last good state", async () => {
    const world = new World();
    await world.open("a");
    await world.ask("session/a", "tally.add", { n: 4 });
    const thrown = await world.ask("session/a", "tally.throw");
    await world.ask("session/a", "tally.add", { n: 1 });
    expect(thrown).toMatchObject({ type: "dead", code: "STEP_THREW" });
    expect(world.tally("a").sum).toBe(5);
  });

  it("keeps the steps before it in the same batch", async () => {
    const world = new World();
    await world.open("a");
    await Promise.all([
      world.ask("session/a", "tally.add", { n: 4 }),
      world.ask("session/a", "tally.throw"),
      world.ask("session/a", "tally.add", { n: 1 }),
    ]);
    expect(world.tally("a").sum).toBe(5);
  });

  it("three in a row quarantine the actor and tell its parent, and nobody else notices", async () => {
    const world = new World();
    await world.open("parent");
    await world.open("a", { parent: "parent" });
    await world.open("b");
    const thrown: unknown[] = [];
    for (let n = 0; n < 3; n += 1) thrown.push(await world.ask("session/a", "tally.throw"));
    const refused = await world.ask("session/a", "tally.add", { n: 1 });
    await world.ask("session/b", "tally.add", { n: 1 });
    await settle();
    expect(thrown).toMatchObject(thrown.map(() => ({ type: "dead", code: "STEP_THREW" })));
    expect(refused).toMatchObject({ type: "dead", code: "ACTOR_QUARANTINED" });
    expect(world.tally("parent").quarantined).toBe(1);
    expect(world.tally("b").sum).toBe(1);
  });

  it("a good step in between starts the count again", async () => {
    const world = new World();
    await world.open("a");
    for (const type of [
      "tally.throw",
      "tally.throw",
      "tally.nothing",
      "tally.throw",
      "tally.throw",
    ]) {
      await world.ask("session/a", type);
    }
    expect(await world.ask("session/a", "tally.add", { n: 1 })).toMatchObject({ type: "applied" });
  });

  it("stays quarantined over a restart until it is released", async () => {
    const world = new World();
    await world.open("a");
    for (let n = 0; n < 3; n += 1) await world.ask("session/a", "tally.throw");
    await world.restart();
    const before = await world.ask("session/a", "tally.ask");
    await world.system.release("session/a");
    const after = await world.ask("session/a", "tally.ask");
    expect([before.type, after.type]).toEqual(["dead", "applied"]);
  });
});

describe("R2: a commit that fails", () => {
  it("is tried again from the store, and answers only once it is durable", async () => {
    const world = new World();
    await world.open("a");
    await world.ask("session/a", "tally.add", { n: 1 });
    world.disk.failNextWrite();
    let answer: unknown;
    const asked = world.ask("session/a", "tally.add", { n: 2 });
    void asked.then((outcome) => (answer = outcome));
    await settle();
    expect(answer).toBeUndefined();
    await world.clock.advance(1_000);
    expect(await asked).toMatchObject({ type: "applied" });
    expect(world.tally("a").sum).toBe(3);
    expect(world.troubles).toMatchObject([{ code: "STORE_FULL" } satisfies Partial<Failure>]);
  });
});

describe("a host that ends", () => {
  it("while a commit is tried again tells whoever waits for it", async () => {
    const world = new World();
    await world.open("a");
    world.disk.failNextWrite();
    const told = world.system.release("session/a").catch((failure: unknown) => failure);
    await settle();
    world.disk.failNextWrite();
    await world.system.stop();
    expect(await told).toMatchObject({ code: "NOT_READY" });
  });
});

describe("R10: bounded", () => {
  it("keeps few actors live, and nobody can tell from outside", async () => {
    const world = new World({ settings: { limits: { liveActors: 2 } } });
    const names = ["a", "b", "c", "d", "e"];
    const live: number[] = [];
    for (const name of names) await world.open(name);
    for (const n of [1, 2, 3]) {
      for (const name of names) {
        await world.ask(`session/${name}`, "tally.add", { n });
        live.push(world.system.liveActors);
      }
    }
    expect(new Set(live)).toEqual(new Set([2]));
    expect(names.map((name) => world.tally(name).sum)).toEqual([6, 6, 6, 6, 6]);
  });

  it("refuses observations, then commands, to an actor with too many open orders, and takes them again later", async () => {
    const gate = Promise.withResolvers<void>();
    const world = new World({
      settings: { limits: { outbox: 1 } },
      act: async () => {
        await gate.promise;
        return { repeated: false };
      },
    });
    await world.open("a");
    await world.ask("session/a", "tally.work", { text: "1" });
    // A probe finds no room any more, and a command does.
    await world.publish("ao.obs.activity.a", { state: "idle" });
    await settle();
    expect(world.tally("a").activity).toEqual([]);
    await world.ask("session/a", "tally.work", { text: "2" });
    const full = await world.ask("session/a", "tally.work", { text: "3" });
    gate.resolve();
    await settle();
    const later = await world.ask("session/a", "tally.work", { text: "4" });
    expect(full).toMatchObject({ type: "dead", code: "MAILBOX_FULL" });
    expect(later).toMatchObject({ type: "applied" });
  });

  it("refuses callers over the limit", async () => {
    const world = new World({ settings: { limits: { callers: 1 } } });
    await world.open("a");
    const [first, second] = await Promise.allSettled([
      world.ask("session/a", "tally.ask"),
      world.ask("session/a", "tally.ask"),
    ]);
    expect(first?.status).toBe("fulfilled");
    expect(second).toMatchObject({ status: "rejected", reason: { code: "MAILBOX_FULL" } });
  });
});

describe("answers", () => {
  it("carry the reply, or the refusal with its code", async () => {
    const world = new World();
    await world.open("a");
    expect(await world.ask("session/a", "tally.ask")).toMatchObject({
      type: "applied",
      reply: { sum: 0 },
    });
    expect(await world.ask("session/a", "tally.refuse")).toMatchObject({
      type: "refused",
      code: "NOT_MERGEABLE",
    });
  });

  it("come for a mail that was ordered, when it is applied", async () => {
    const world = new World();
    await world.open("a");
    await world.open("b");
    const told = await world.ask("session/a", "tally.tell", { to: "session/b", n: 2 });
    if (told.type !== "applied") throw new Error("not applied");
    const outcome = await world.system.settled(told.orders[0]?.id ?? "");
    expect(outcome).toMatchObject({ type: "applied", address: "session/b" });
    expect(world.tally("b").sum).toBe(2);
  });
});
