import { createConnection, createServer } from "node:net";
import { once } from "node:events";
import { onTestFinished } from "vitest";

/** Any NATS client at all: a socket, and the words of the protocol. */
export interface RawClient {
  /** What the server sent so far. */
  heard(): string;
  /** Sends words and waits until the server has read them, or hung up; what it sent meanwhile is the answer. */
  say(...words: string[]): Promise<string>;
}

/** Logs in at `nats://127.0.0.1:<port>`; wrong credentials show in what `say` answers. */
export async function rawClient(url: string, user: string, pass: string): Promise<RawClient> {
  const socket = createConnection({ host: "127.0.0.1", port: Number(new URL(url).port) });
  onTestFinished(() => void socket.destroy());
  let heard = "";
  socket.setEncoding("utf8").on("data", (text: string) => (heard += text));
  const client: RawClient = {
    heard: () => heard,
    async say(...words) {
      const before = heard.length;
      socket.write([...words, "PING", ""].join("\r\n"));
      while (!heard.slice(before).includes("PONG") && !socket.closed) {
        await new Promise<unknown>((resolve) =>
          socket.once("data", resolve).once("close", resolve),
        );
      }
      return heard.slice(before);
    },
  };
  // Fails when nobody listens there.
  await once(socket, "connect");
  socket.on("error", () => undefined);
  await client.say(`CONNECT ${JSON.stringify({ user, pass, verbose: false, pedantic: false })}`);
  return client;
}

/** Listens on a port as a program that has nothing to do with NATS would. */
export async function squat(port: number): Promise<{ close: () => void }> {
  const server = createServer((socket) => socket.end("go away\r\n"));
  await once(server.listen({ host: "127.0.0.1", port }), "listening");
  onTestFinished(() => void server.close());
  return { close: () => server.close() };
}

/** A port that was free just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen({ host: "127.0.0.1", port: 0 }), "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}
