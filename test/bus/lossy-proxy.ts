import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import type { Socket } from "node:net";
import { onTestFinished } from "vitest";

/** What the server says to the client, one message at a time: its first line. True loses it. */
export type Loses = (line: string) => boolean;

/** Stands between a client and a NATS server, and loses some of the messages. Returns its `host:port`. */
export async function lossyProxy(url: string, loses: Loses): Promise<string> {
  const open = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = createConnection({ host: "127.0.0.1", port: Number(new URL(url).port) });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      open.add(one);
      one.on("error", () => undefined).once("close", () => other.destroy());
    }
    client.pipe(server);
    server.on(
      "data",
      sieve(loses, (bytes) => void client.write(bytes)),
    );
  });
  onTestFinished(() => {
    proxy.close();
    for (const socket of open) socket.destroy();
  });
  await once(proxy.listen({ host: "127.0.0.1", port: 0 }), "listening");
  const address = proxy.address();
  return `127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`;
}

/** Cuts the stream of bytes into the frames of the protocol. */
function sieve(loses: Loses, pass: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const end = rest.indexOf("\r\n");
      if (end === -1) return;
      const line = rest.toString("latin1", 0, end);
      const payload = /^H?MSG /.test(line) ? Number(line.split(" ").at(-1)) + 2 : 0;
      const length = end + 2 + payload;
      if (rest.length < length) return;
      if (!loses(line)) pass(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  };
}
