import { describe, expect, it } from "vitest";
import { parseEndpoint } from "../../bus/nats-endpoint.ts";
import type { NatsEndpoint } from "../../bus/nats-endpoint.ts";

describe("a NATS address", () => {
  it.each([
    { text: "nats://127.0.0.1:4333", says: { servers: ["127.0.0.1:4333"] } },
    { text: "broker", says: { servers: ["broker:4222"] } },
    {
      text: "nats://me:p%40ss@broker:1",
      says: { servers: ["broker:1"], user: "me", pass: "p@ss" },
    },
    { text: "tls://s3cret@broker", says: { servers: ["broker:4222"], token: "s3cret" } },
    {
      text: "nats://me:x@a:1, nats://b:2",
      says: { servers: ["a:1", "b:2"], user: "me", pass: "x" },
    },
    { text: "nats://[::1]:4222", says: { servers: ["[::1]:4222"] } },
  ] satisfies { text: string; says: NatsEndpoint }[])("is read from $text", ({ text, says }) => {
    expect(parseEndpoint(text)).toEqual(says);
  });

  it.each(["http://me:hunter2@broker:80", "nats://me:hunter2@:4222", ""])(
    "is refused without repeating its password: %s",
    (text) => {
      expect(() => parseEndpoint(text)).toThrow(
        expect.objectContaining({ code: "CONFIG_INVALID" }),
      );
      expect(() => parseEndpoint(text)).not.toThrow("hunter2");
    },
  );
});
