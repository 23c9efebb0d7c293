import { describe, expect, it } from "vitest";
import type { BusState } from "../../bus/bus.ts";
import { Failure } from "../../machines/failures.ts";
import {
  bytes,
  collect,
  memoryWorld,
  natsWorld,
  numbered,
  observation,
  streamOf,
  text,
  texts,
} from "./world.ts";
import { eventually } from "../support/eventually.ts";

const never = new AbortController().signal;

// The same promises hold for every bus, so the same tests run on each.
describe.each([
  { name: "memory", make: memoryWorld },
  { name: "nats", make: () => natsWorld() },
])("$name bus", ({ make }) => {
  it("keeps what publish resolved for (B1)", async () => {
    const world = await make();
    const bus = await world.bus();
    await Promise.all(numbered("m", 500).map((body) => bus.publish(observation(body))));
    const intake = await (await world.bus()).read(undefined);
    expect(texts(await collect(intake, 500)).toSorted()).toEqual(numbered("m", 500).toSorted());
  });

  it("takes the same id twice as a success and stores it once (B1)", async () => {
    const world = await make();
    const bus = await world.bus();
    await bus.publish(observation("first", "id-1"));
    await bus.publish(observation("again", "id-1"));
    await bus.publish(observation("last", "id-2"));
    const got = await collect(await bus.read(undefined), 2);
    expect(texts(got)).toEqual(["first", "last"]);
  });

  it("refuses a message that is larger than the stream takes", async () => {
    const bus = await (await make()).bus();
    const sending = bus.publish(observation("x".repeat(4_096)));
    await expect(sending).rejects.toMatchObject({ code: "BUS_REFUSED" });
    await bus.publish(observation("small"));
    expect(texts(await collect(await bus.read(undefined), 1))).toEqual(["small"]);
  });

  it("carries subject, body, headers, id, number and time of a message", async () => {
    const world = await make();
    const bus = await world.bus();
    await bus.publish({
      ...observation("\u0000å", "id-1"),
      headers: { "Ao-At": "5", "Ao-Cause": "c" },
    });
    await bus.publish({ subject: "ao.cmd.session.mer-1", body: bytes("") });
    const got = await collect(await bus.read(undefined), 2);
    expect(
      got.map(({ body, time, ...rest }) => ({
        ...rest,
        body: text(body),
        isTime: Number.isInteger(time),
      })),
    ).toEqual([
      {
        subject: "ao.obs.activity.mer-1",
        body: "\u0000å",
        headers: { "Ao-At": "5", "Ao-Cause": "c", "Nats-Msg-Id": "id-1" },
        stream: streamOf(bus),
        seq: 1,
        isTime: true,
      },
      {
        subject: "ao.cmd.session.mer-1",
        body: "",
        headers: {},
        stream: streamOf(bus),
        seq: 2,
        isTime: true,
      },
    ]);
  });

  it("gives every message once and in stream order while many publish (B2)", async () => {
    const world = await make();
    const [bus, other] = [await world.bus(), await world.bus()];
    const intake = await bus.read(undefined);
    const publishing = Promise.all(
      numbered("m", 6_000).map((body, n) => (n % 2 === 0 ? bus : other).publish(observation(body))),
    );
    const got = await collect(intake, 6_000, 37);
    await publishing;
    expect(got.map(({ seq }) => seq)).toEqual(Array.from({ length: 6_000 }, (_, n) => n + 1));
    expect(new Set(texts(got)).size).toBe(6_000);
  });

  it("takes at most as many as asked for, and knows how many are left", async () => {
    const bus = await (await make()).bus();
    for (const body of numbered("m", 10)) await bus.publish(observation(body));
    const intake = await bus.read(undefined);
    expect(texts(await intake.take(1, never))).toEqual(["m0"]);
    await eventually(() => expect(intake.lag()).toBe(9));
    expect((await intake.take(4, never)).length).toBeLessThanOrEqual(4);
  });

  it("waits for the first message, and gives nothing when aborted", async () => {
    const bus = await (await make()).bus();
    const intake = await bus.read(undefined);
    const abort = new AbortController();
    const waiting = intake.take(10, abort.signal);
    abort.abort();
    expect(await waiting).toEqual([]);
    const taking = intake.take(10, never);
    await bus.publish(observation("one"));
    expect(texts(await taking)).toEqual(["one"]);
    const last = intake.take(10, never);
    await intake.close();
    expect(await last).toEqual([]);
  });

  it("goes on after the position that the caller kept (B2, B5)", async () => {
    const world = await make();
    const first = await world.bus();
    for (const body of numbered("m", 10)) await first.publish(observation(body));
    const [position] = (await collect(await first.read(undefined), 10)).slice(6);
    await first.close();
    const second = await world.bus();
    const intake = await second.read(position);
    await second.publish(observation("late"));
    expect(texts(await collect(intake, 4))).toEqual(["m7", "m8", "m9", "late"]);
  });

  it("reads a wiped stream from its beginning under another name (B3)", async () => {
    const world = await make();
    const bus = await world.bus();
    for (const body of numbered("old", 5)) await bus.publish(observation(body));
    const intake = await bus.read(undefined);
    const before = await collect(intake, 5);
    await world.fail();
    await world.wipe();
    await world.restore();
    await expect.poll(() => bus.state().type).toBe("up");
    await bus.publish(observation("new0"));
    await bus.publish(observation("new1"));
    const after = await collect(intake, 2);
    expect(texts(after)).toEqual(["new0", "new1"]);
    expect(after.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(after[0]?.stream).not.toBe(before[0]?.stream);
    expect(bus.state()).toMatchObject({ stream: after[0]?.stream });
  });

  it("reads from the beginning when the position is of another stream (B3)", async () => {
    const bus = await (await make()).bus();
    for (const body of numbered("m", 3)) await bus.publish(observation(body));
    const intake = await bus.read({ stream: "some other", seq: 2 });
    expect(texts(await collect(intake, 3))).toEqual(["m0", "m1", "m2"]);
  });

  it("takes a position ahead of the stream's end for one of another stream (B3)", async () => {
    const bus = await (await make()).bus();
    for (const body of numbered("m", 3)) await bus.publish(observation(body));
    const [first] = await collect(await bus.read(undefined), 3);
    const stream = first?.stream ?? "";
    const told: BusState[] = [];
    bus.onState((state) => told.push(state));
    const got = await collect(await bus.read({ stream, seq: 9 }), 3);
    expect(texts(got)).toEqual(["m0", "m1", "m2"]);
    expect(new Set([stream, ...got.map((message) => message.stream)]).size).toBe(2);
    // So that what was on its way is published again.
    expect(told).toMatchObject([{ type: "up", stream: got[0]?.stream }]);
  });

  it("fails to publish during an outage, waits with taking, and goes on by itself (B4)", async () => {
    const world = await make();
    const bus = await world.bus();
    await bus.publish(observation("before"));
    const intake = await bus.read(undefined);
    await collect(intake, 1);
    const states: BusState["type"][] = [];
    const failures: (Failure | undefined)[] = [];
    bus.onState((state, failure) => {
      if (state.type !== states.at(-1)) states.push(state.type);
      if (state.type === "down") failures.push(failure);
    });
    const taking = collect(intake, 2);
    await world.fail();
    await expect.poll(() => bus.state().type).toBe("down");
    bus.emit("ao.evt.session.mer-1.lost", bytes("forgotten"));
    await expect(bus.publish(observation("during"))).rejects.toMatchObject({ code: "BUS_DOWN" });
    await world.restore();
    await expect.poll(() => bus.state().type).toBe("up");
    await bus.publish(observation("after0"));
    await bus.publish(observation("after1"));
    expect(texts(await taking)).toEqual(["after0", "after1"]);
    expect(states).toEqual(["down", "up"]);
    expect(failures[0]).toBeInstanceOf(Failure);
  });

  it("forgets what was purged, and only of the stream that was meant", async () => {
    const world = await make();
    const bus = await world.bus();
    for (const body of numbered("m", 4)) await bus.publish(observation(body));
    const [, second] = await collect(await bus.read(undefined), 4);
    await bus.purge({ stream: "some other", seq: 4 });
    await bus.purge({ stream: second?.stream ?? "", seq: 2 });
    expect(texts(await collect(await bus.read(undefined), 2))).toEqual(["m2", "m3"]);
    await bus.purge({ stream: second?.stream ?? "", seq: 4 });
    await bus.publish(observation("m4"));
    const [last] = await collect(await bus.read(second), 1);
    expect([last?.seq, text(last?.body ?? bytes(""))]).toEqual([5, "m4"]);
  });

  it("tells events to who listens, and keeps none", async () => {
    const world = await make();
    const bus = await world.bus();
    const heard = await world.hear("ao.evt.session.*.>");
    bus.emit("ao.evt.session.mer-1.session.spawned", bytes("one"));
    bus.emit("ao.dead", bytes("letter"));
    bus.emit("ao.evt.session.mer-2.session.spawned", bytes("two"));
    await eventually(() => expect(heard).toEqual(["one", "two"]));
    await bus.publish(observation("kept"));
    expect(texts(await collect(await bus.read(undefined), 1))).toEqual(["kept"]);
  });

  it("answers requests until told to stop, outages in between", async () => {
    const world = await make();
    const bus = await world.bus();
    const stop = bus.serve("ao.api.>", async ({ subject, body }) => {
      if (text(body) === "bad") throw new Failure("ACTOR_UNKNOWN", "look it up: there is none");
      return bytes(`${subject} ${text(body)}`);
    });
    // Its server hears of it a moment later than we do, at first and after an outage.
    const answered = async (what: string) =>
      eventually(async () => world.request("ao.api.sessions", what));
    expect(await answered("one")).toBe("ao.api.sessions one");
    await expect(world.request("ao.api.sessions", "bad")).rejects.toThrow("there is none");
    await world.fail();
    await world.restore();
    await expect.poll(() => bus.state().type).toBe("up");
    expect(await answered("two")).toBe("ao.api.sessions two");
    stop();
    await expect(world.request("ao.api.sessions", "three")).rejects.toThrow("");
  });

  it("does nothing any more once it is closed", async () => {
    const bus = await (await make()).bus();
    const intake = await bus.read(undefined);
    await bus.close();
    expect(bus.state().type).toBe("down");
    await expect(bus.publish(observation("x"))).rejects.toMatchObject({ code: "BUS_DOWN" });
    await expect(bus.purge({ stream: "", seq: 1 })).rejects.toMatchObject({ code: "BUS_DOWN" });
    expect(await intake.take(1, never)).toEqual([]);
  });
});
