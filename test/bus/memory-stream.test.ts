import { describe, expect, it } from "vitest";
import type { Publication } from "../../bus/bus.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream } from "../../bus/memory-stream.ts";
import type { Fate } from "../../bus/memory-stream.ts";
import { bytes, collect, numbered, observation, streamOf, text, texts } from "./world.ts";

function to(subject: string, body: string): Publication {
  return { subject, body: bytes(body) };
}

/** A stream where the body says what becomes of it. */
function fatefulStream(fates: Readonly<Record<string, Fate>>) {
  return memoryStream({ fateOf: ({ body }) => fates[text(body)] ?? "stored" });
}

describe("a stream in memory", () => {
  it("outlives the bus that filled it", async () => {
    const stream = memoryStream();
    const first = memoryBus({ stream });
    await first.publish(observation("one"));
    await first.close();
    expect(texts(await collect(await memoryBus({ stream }).read(undefined), 1))).toEqual(["one"]);
  });

  it("stores a publication twice under two numbers when told so", async () => {
    const bus = memoryBus({ stream: fatefulStream({ again: "twice" }) });
    await bus.publish(observation("again", "id-1"));
    const got = await collect(await bus.read(undefined), 2);
    expect(got.map(({ seq, headers, body }) => [seq, headers["Nats-Msg-Id"], text(body)])).toEqual([
      [1, "id-1", "again"],
      [2, "id-1", "again"],
    ]);
  });

  it("stores a publication and says that it failed when the answer is to be lost", async () => {
    const bus = memoryBus({ stream: fatefulStream({ lost: "lost answer", never: "refused" }) });
    await expect(bus.publish(observation("lost"))).rejects.toMatchObject({ code: "BUS_DOWN" });
    await expect(bus.publish(observation("never"))).rejects.toMatchObject({ code: "BUS_DOWN" });
    await bus.publish(observation("last"));
    expect(texts(await collect(await bus.read(undefined), 2))).toEqual(["lost", "last"]);
  });

  it("lets others overtake what is held, but not those of the same subject (Y1)", async () => {
    const stream = fatefulStream({ a0: "held" });
    const bus = memoryBus({ stream });
    const held = ["a0", "a1"].map((body) => bus.publish(to("ao.obs.activity.a", body)));
    await bus.publish(to("ao.obs.activity.b", "b0"));
    expect(stream.held).toBe(2);
    expect([
      stream.release("ao.obs.activity.b"),
      stream.release(),
      stream.release(),
      stream.release(),
    ]).toEqual([false, true, true, false]);
    await Promise.all(held);
    expect(texts(await collect(await bus.read(undefined), 3))).toEqual(["b0", "a0", "a1"]);
  });

  it("loses what is held when an outage comes", async () => {
    const stream = fatefulStream({ late: "held" });
    const bus = memoryBus({ stream });
    const late = bus.publish(observation("late"));
    await bus.publish(to("ao.obs.activity.b", "b0"));
    stream.fail("cable cut");
    await expect(late).rejects.toThrow("cable cut");
    stream.restore();
    expect(texts(await collect(await bus.read(undefined), 1))).toEqual(["b0"]);
  });

  it("stores an id again only after its window has passed", async () => {
    let now = 1_000;
    const stream = memoryStream({ now: () => now, duplicateWindowMs: 100 });
    const bus = memoryBus({ stream });
    await bus.publish(observation("first", "id"));
    now = 1_099;
    await bus.publish(observation("within", "id"));
    now = 1_100;
    await bus.publish(observation("after", "id"));
    const got = await collect(await bus.read(undefined), 2);
    expect(got.map(({ body, time }) => [text(body), time])).toEqual([
      ["first", 1_000],
      ["after", 1_100],
    ]);
  });

  it("refuses new messages when it is full", async () => {
    const bus = memoryBus({ stream: memoryStream({ maxMessages: 2 }) });
    const results = await Promise.allSettled(
      numbered("m", 3).map((body) => bus.publish(observation(body))),
    );
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(texts(await collect(await bus.read(undefined), 2))).toEqual(["m0", "m1"]);
  });

  it("is another stream after it lost its end", async () => {
    const stream = memoryStream();
    const bus = memoryBus({ stream });
    const intake = await bus.read(undefined);
    for (const body of ["kept", "lost"]) await bus.publish(observation(body));
    const before = await collect(intake, 2);
    stream.truncate(1);
    await bus.publish(observation("new"));
    const after = await collect(intake, 2);
    expect(texts(after)).toEqual(["kept", "new"]);
    expect(
      new Set([...before, ...after].map((message) => `${message.stream}:${message.seq}`)).size,
    ).toBe(4);
  });

  it("is another stream after it was wiped, even for who has read nothing", async () => {
    const stream = memoryStream();
    const bus = memoryBus({ stream });
    await bus.publish(observation("old"));
    const before = streamOf(bus);
    stream.wipe();
    await bus.publish(observation("new"));
    const got = await collect(await bus.read({ stream: before, seq: 0 }), 1);
    expect([texts(got), got[0]?.stream === before, got[0]?.stream]).toEqual([
      ["new"],
      false,
      streamOf(bus),
    ]);
  });

  it("keeps nothing of a body that its publisher changes later", async () => {
    const bus = memoryBus();
    const body = bytes("before");
    await bus.publish({ subject: "ao.obs.activity.a", body });
    body.fill(0);
    expect(texts(await collect(await bus.read(undefined), 1))).toEqual(["before"]);
  });
});
