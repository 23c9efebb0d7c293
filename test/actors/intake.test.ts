import {
  assert,
  constant,
  constantFrom,
  dictionary,
  json,
  nat,
  oneof,
  property,
  record,
  string,
  uint8Array,
} from "fast-check";
import { describe, expect, it } from "vitest";
import { decode, type Decoded } from "../../actors/intake.ts";
import type { RawMessage } from "../../bus/bus.ts";
import { FAILURES } from "../../machines/failures.ts";
import { Address } from "../../machines/ids.ts";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

const NOW = 1_700_000_000_000;
const RULES = { maxBytes: 4_096, cluster: "secret" };
const encoder = new TextEncoder();

function raw(changes: Partial<RawMessage> & { text?: string }): RawMessage {
  const { text = "{}", ...rest } = changes;
  return {
    subject: "ao.cmd.session.a",
    body: encoder.encode(text),
    headers: {},
    stream: "MAIL@1",
    seq: 7,
    time: NOW,
    ...rest,
  };
}

/** Whether an answer of `decode` may be stepped, or buried. */
function isSound(decoded: Decoded, { time }: RawMessage): boolean {
  if (decoded.type === "rejected") return Object.hasOwn(FAILURES, decoded.rejection.code);
  const { to, id, at } = decoded.message;
  return Address.safeParse(to).success && id.length <= 256 && at <= time + 60_000;
}

const OBSERVED = "ao.obs.activity.a";

describe("a message", () => {
  it.each([
    {
      title: "I2: is named by its place in the stream when nobody named it",
      given: raw({ subject: OBSERVED }),
      message: { id: "MAIL@1:7", type: "activity.observed", at: NOW, to: "session/a" },
    },
    {
      title: "takes id, time and cause of its headers",
      given: raw({
        subject: OBSERVED,
        headers: { "Nats-Msg-Id": "p-1", "Ao-At": `${NOW - 5}`, "Ao-Cause": "c" },
      }),
      message: { id: "p-1", at: NOW - 5, cause: "c" },
    },
    {
      title: "takes the epoch of an observation from its body",
      given: raw({ subject: OBSERVED, text: `{"epoch":3}` }),
      message: { epoch: 3 },
    },
    {
      title: "takes what its envelope says before what its headers say",
      given: raw({
        text: `{"id":"e","type":"t","at":9,"cause":"x","epoch":2,"data":{"n":1}}`,
        headers: { "Nats-Msg-Id": "h", "Ao-At": "8", "Ao-Cause": "y" },
      }),
      message: { id: "e", type: "t", at: 9, cause: "x", epoch: 2, data: { n: 1 } },
    },
    {
      title: "has a sender when it is mail",
      given: raw({ subject: "ao.msg.session.a", text: `{"type":"t","from":"session/b"}` }),
      message: { from: "session/b" },
    },
    {
      title: "I3: may have a reserved id under the seal of this store",
      given: raw({ subject: OBSERVED, headers: { "Nats-Msg-Id": "session/b#2.0~secret" } }),
      message: { id: "session/b#2.0" },
    },
    {
      title: "has the same id when it comes again, with the time of that beside the seal",
      given: raw({ subject: OBSERVED, headers: { "Nats-Msg-Id": "session/b#2.0~secret~17" } }),
      message: { id: "session/b#2.0" },
    },
    {
      title: "I4: is of the stream's time when it says it comes from the future",
      given: raw({ subject: OBSERVED, headers: { "Ao-At": `${NOW + 60_001}` } }),
      message: { at: NOW },
    },
    {
      title: "may be ahead as far as clocks are",
      given: raw({ subject: OBSERVED, headers: { "Ao-At": `${NOW + 60_000}` } }),
      message: { at: NOW + 60_000 },
    },
    {
      title: "is of the stream's time when its own is no time",
      given: raw({ subject: OBSERVED, headers: { "Ao-At": "yesterday" } }),
      message: { at: NOW },
    },
  ])("$title", ({ given, message }) => {
    expect(decode(given, RULES)).toMatchObject({ type: "message", message });
  });

  it("that is a command has no sender, whatever it says", () => {
    const decoded = decode(raw({ text: `{"type":"t","from":"session/b"}` }), RULES);
    expect(decoded).toHaveProperty("message.id");
    expect(decoded).not.toHaveProperty("message.from");
  });

  it.each([
    { title: "bad JSON", given: raw({ text: "{" }), code: "BAD_JSON" },
    {
      title: "bytes that are no UTF-8",
      given: raw({ body: new Uint8Array([0x22, 0xff, 0x22]) }),
      code: "BAD_JSON",
    },
    { title: "an empty body", given: raw({ text: "" }), code: "BAD_JSON" },
    { title: "no type", given: raw({}), code: "SHAPE_WRONG" },
    {
      title: "an epoch below zero",
      given: raw({ text: `{"type":"t","epoch":-1}` }),
      code: "SHAPE_WRONG",
    },
    {
      title: "more nesting than can be written again",
      given: raw({ subject: OBSERVED, text: `${"[".repeat(66)}${"]".repeat(66)}` }),
      code: "SHAPE_WRONG",
    },
    { title: "too many bytes", given: raw({ text: " ".repeat(4_097) }), code: "MESSAGE_TOO_LARGE" },
    {
      title: "a subject of nobody",
      given: raw({ subject: "ao.evt.session.a.x" }),
      code: "SUBJECT_UNKNOWN",
    },
    { title: "an unknown kind", given: raw({ subject: "ao.cmd.robot.a" }), code: "KIND_UNKNOWN" },
    {
      title: "an id that is no token",
      given: raw({ subject: "ao.cmd.session.a b" }),
      code: "MALFORMED",
    },
    ...[
      "session/b#2.0",
      "result:session/b#2.0",
      "timer:session/b:wake:2",
      "cmd:1",
      "retry:1.1",
      "terminal:b:1:dead",
      "obs:1",
      "http:owner:key",
      "MAIL@1:9",
      "x".repeat(257),
    ].map((id) => ({
      title: `I3: an observation with the id ${id.slice(0, 24)}`,
      given: raw({ subject: OBSERVED, headers: { "Nats-Msg-Id": id } }),
      code: "ID_RESERVED",
    })),
    {
      title: "I3: the same under the seal of another store",
      given: raw({ subject: OBSERVED, headers: { "Nats-Msg-Id": "cmd:1~guessed" } }),
      code: "ID_RESERVED",
    },
  ])("is rejected with $code: $title", ({ given, code }) => {
    expect(decode(given, RULES)).toMatchObject({ type: "rejected", rejection: { code } });
  });

  it("I3: with a stolen id is rejected under the name of its place, so the real one is no repeat", () => {
    const stolen = raw({ subject: OBSERVED, text: "{", headers: { "Nats-Msg-Id": "cmd:1" } });
    expect(decode(stolen, RULES)).toMatchObject({ rejection: { id: "MAIL@1:7" } });
  });
});

describe("I5: an observation", () => {
  const cause = { "Ao-Cause": "forge/demo#2.0" };
  it.each([
    { title: "is the actor's that ordered it", id: "forge/demo#2.0~secret", from: "forge/demo" },
    { title: "is still, when its letter comes again", id: "retry:1.1~secret", from: "forge/demo" },
    { title: "is nobody's without our seal", id: "mine", from: undefined },
    { title: "is nobody's under another seal", id: "mine~guessed", from: undefined },
  ])("$title", ({ id, from }) => {
    const told = raw({ subject: OBSERVED, headers: { ...cause, "Nats-Msg-Id": id } });
    const decoded = decode(told, RULES);
    expect(decoded.type === "message" && decoded.message.from).toBe(from);
  });

  it("is nobody's when its cause is no order", () => {
    const headers = { "Ao-Cause": "hook:1", "Nats-Msg-Id": "obs:1~secret" };
    expect(decode(raw({ subject: OBSERVED, headers }), RULES)).not.toHaveProperty("message.from");
  });
});

describe("I1: whatever comes", () => {
  const words = constantFrom("ao", "obs", "cmd", "msg", "evt", "activity", "session", "a", "", ">");
  const subject = oneof(
    constantFrom(OBSERVED, "ao.cmd.session.a", "ao.msg.session.a"),
    dictionary(words, words, { maxKeys: 4 }).map((given) => Object.entries(given).flat().join(".")),
    string({ unit: "binary" }),
  );
  const body = oneof(
    uint8Array({ maxLength: 64 }),
    json().map((text) => encoder.encode(text)),
    record(
      { id: json(), type: string(), at: json(), from: string(), cause: json(), epoch: nat() },
      { requiredKeys: ["type"] },
    ).map((envelope) => encoder.encode(JSON.stringify(envelope))),
  );
  const header = oneof(constantFrom("Nats-Msg-Id", "Ao-At", "Ao-Cause", "__proto__"), string());
  const message = record({
    subject,
    body,
    headers: dictionary(header, string({ unit: "binary" })),
    stream: constant("MAIL@1"),
    seq: nat(),
    time: nat(),
  });

  it("is a message for an actor, or a rejection with a code, and never throws", () => {
    const check = property(message, (given) => isSound(decode(given, RULES), given));
    expect(() => assert(check, { numRuns: 3_000, seed: 11 })).not.toThrow();
  });

  it("ends in the books, and the daemon goes on", async () => {
    const world = new World();
    await world.open("a");
    const deep = 20_000;
    await world.publish(OBSERVED, `{"state":"idle","x":${"[".repeat(deep)}${"]".repeat(deep)}}`);
    await world.publish(OBSERVED, { state: "idle" });
    await settle();
    expect(world.system.report()).toMatchObject({ received: 3, applied: 2, dead: 1 });
  });
});
