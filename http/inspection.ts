import websocket from "@fastify/websocket";
import Fastify from "fastify";
import type { Json } from "../machines/json.ts";

// Inspection
//
// The Stately inspection protocol (version 1 of `@statelyai/inspect`): actors, events and snapshots as JSON over a
// WebSocket, so that tools of the XState world can attach. It is served on request, by a process of its own.
//
//   I1. It tells and takes nothing: what a tool sends is not read.
//   I2. A page of another origin may not listen, unless that origin was named.
//   I3. Who attaches is told every actor first, as it stood when it was last told of.

/** What is told of one actor. */
export interface InspectedActor {
  readonly address: string;
  readonly value: Json;
  readonly context: Json;
  readonly isDone: boolean;
  /** XState's config of its chart. */
  readonly config: Json;
}

/** What is told of one step. */
export interface InspectedStep {
  readonly actor: InspectedActor;
  readonly event: { readonly type: string };
  readonly from: string | undefined;
  readonly at: number;
}

export interface Inspection {
  readonly url: string;
  tellActor(actor: InspectedActor, at: number): void;
  tellStep(step: InspectedStep): void;
  close(): Promise<void>;
}

const VERSION = "1.0.0";
const LOCAL = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

interface Socket {
  readonly readyState: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  on(event: "close", listener: () => void): unknown;
}

/** Listens on loopback. `origins` are those of pages elsewhere that may listen too. */
export async function inspectionServer(options: {
  readonly port: number;
  readonly origins: readonly string[];
}): Promise<Inspection> {
  const actors = new Map<string, object>();
  const sockets = new Set<Socket>();
  const app = Fastify({ logger: false, forceCloseConnections: true });
  await app.register(websocket);
  app.get("/", { websocket: true }, (socket: Socket, { headers: { origin } }) => {
    if (origin !== undefined && !LOCAL.test(origin) && !options.origins.includes(origin)) {
      socket.close(1_008, `origin ${origin} was not named; see: ao inspect --help`);
      return;
    }
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    for (const actor of actors.values()) socket.send(JSON.stringify(actor));
  });
  const url = await app.listen({ host: "127.0.0.1", port: options.port });
  const tell = (event: object): void => {
    const text = JSON.stringify(event);
    for (const socket of sockets) if (socket.readyState === 1) socket.send(text);
  };
  return {
    url: url.replace("http", "ws"),
    tellActor: (actor, at) => {
      const event = actorEvent(actor, at);
      actors.set(actor.address, event);
      tell(event);
    },
    tellStep: (step) => {
      if (!actors.has(step.actor.address)) tell(actorEvent(step.actor, step.at));
      actors.set(step.actor.address, actorEvent(step.actor, step.at));
      tell({ ...baseOf(step), type: "@xstate.event", sourceId: step.from, event: step.event });
      tell({
        ...baseOf(step),
        type: "@xstate.snapshot",
        event: step.event,
        snapshot: snapshotOf(step.actor),
      });
    },
    close: async () => app.close(),
  };
}

function actorEvent(actor: InspectedActor, at: number): object {
  return {
    ...baseOf({ actor, at }),
    type: "@xstate.actor",
    name: actor.address,
    parentId: undefined,
    definition: JSON.stringify(actor.config),
    snapshot: snapshotOf(actor),
  };
}

function baseOf({ actor, at }: { actor: InspectedActor; at: number }): object {
  const { address } = actor;
  return {
    _version: VERSION,
    id: "",
    createdAt: String(at),
    rootId: address,
    sessionId: address,
    name: address,
  };
}

function snapshotOf({ value, context, isDone }: InspectedActor): object {
  return { status: isDone ? "done" : "active", value, context };
}
