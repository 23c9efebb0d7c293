import websocket from "@fastify/websocket";
import { z } from "zod";
import type { Grid, View } from "../adapters/terminal/view.ts";
import { Failure } from "../machines/failures.ts";
import { addressOf, Token } from "../machines/ids.ts";
import type { App, Edge } from "./edge.ts";

// Mux
//
// Terminals over one socket, as many as somebody wants to look at. JSON messages; bytes of a terminal as base64.
//
//   in:  open { id, columns?, rows? } · data { id, data } · resize { id, columns, rows } · close { id } · ping
//   out: screen { id, data, columns, rows } · data { id, data } · resize { id, columns, rows }
//        exited { id, message } · closed { id } · error { id?, code, message } · pong
//
//   X1. What is said of a terminal is said in order; `screen` comes first and stands for all that was before.
//   X2. A reader that does not keep up is given no bytes, and a `screen` once it does: nothing is kept for it.
//   X3. When the socket ends, every terminal is let go.
//   X4. A terminal that goes under the viewer ends the view with words.
//   X5. Who asks and does not read is let go: no more than MOST_UNREAD answers wait for one reader.
//   X6. A terminal that takes nothing of what is typed, because it does not open or tmux hangs, ends the view with words
//       once MOST_UNTAKEN wait for it. No more than MOST_TERMINALS are being opened for one socket, whoever let them go.

const MOST_TERMINALS = 64;
const MOST_BYTES = 64 * 1_024;
// Over this, what waits for the reader is more than it will want to read.
const BEHIND_BYTES = 1_048_576;
const LOOK_AGAIN_MS = 100;
// More than anybody pastes into a terminal that answers.
const MOST_UNTAKEN = 1_048_576;
const MOST_UNREAD = 1_000;
// The code of RFC 6455 for who breaks the rules of the place.
const POLICY_VIOLATION = 1_008;

const Cells = z.number().int().min(1).max(1_000);
const Said = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("open"),
    id: Token,
    columns: Cells.optional(),
    rows: Cells.optional(),
  }),
  z.object({ type: z.literal("data"), id: Token, data: z.base64().max(MOST_BYTES * 2) }),
  z.object({ type: z.literal("resize"), id: Token, columns: Cells, rows: Cells }),
  z.object({ type: z.literal("close"), id: Token }),
  z.object({ type: z.literal("ping") }),
]);

type Said = z.infer<typeof Said>;

/** A socket, as much of it as is used. */
interface Socket {
  readonly bufferedAmount: number;
  readonly readyState: number;
  /** Tells when it was written out. */
  send(text: string, onWritten: () => void): void;
  close(code: number, reason: string): void;
  on(event: "message", listener: (data: { toString(): string }) => void): unknown;
  on(event: "close" | "error", listener: () => void): unknown;
}

/** Lets `app` take sockets. Before anything else: one that a hook refuses is then closed. */
export async function takeSockets(app: App): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: 4 * MOST_BYTES,
      // Of what a browser offers, the one that is no secret.
      handleProtocols: (protocols: ReadonlySet<string>) => protocols.has("ao.mux") && "ao.mux",
    },
  });
}

/** `WS /mux`. */
export function muxRoute(app: App, edge: Edge): void {
  app.route({
    method: "GET",
    url: "/mux",
    schema: {
      tags: ["sessions"],
      summary: "Terminals over a WebSocket: open, data, resize, close; many per socket",
      response: { 101: z.unknown() },
    },
    handler: () => {
      throw new Failure("MALFORMED", "GET /mux is a WebSocket: ask for an upgrade");
    },
    wsHandler: (socket: Socket) => {
      const connection = new Connection(socket, edge);
      socket.on("message", (data) => connection.take(data.toString()));
      socket.on("close", () => connection.end());
      socket.on("error", () => connection.end());
    },
  });
}

type Saying =
  | ({ readonly type: "screen"; readonly id: string; readonly data: string } & Grid)
  | { readonly type: "data"; readonly id: string; readonly data: string }
  | ({ readonly type: "resize"; readonly id: string } & Grid)
  | { readonly type: "exited"; readonly id: string; readonly message: string }
  | { readonly type: "closed"; readonly id: string }
  | {
      readonly type: "error";
      readonly id?: string;
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: "pong" };

/** A terminal that somebody looks at. */
interface Opened {
  readonly view: Promise<View>;
  /** Characters of what was said to it and is not taken yet. */
  untaken: number;
}

class Connection {
  readonly #socket: Socket;
  readonly #edge: Edge;
  readonly #views = new Map<string, Opened>();
  /** Views that are not open yet, also those that were let go meanwhile. */
  #opening = 0;
  readonly #behind = new Set<string>();
  /** Answers that are not written out yet. */
  #unread = 0;
  #isOver = false;

  constructor(socket: Socket, edge: Edge) {
    this.#socket = socket;
    this.#edge = edge;
  }

  take(text: string): void {
    if (this.#isOver) return;
    const said = parse(text);
    if (said === undefined) {
      this.#say({ type: "error", code: "MALFORMED", message: "no message of this socket" });
      return;
    }
    if (said.type === "ping") this.#say({ type: "pong" });
    else if (said.type === "open") this.#open(said.id, gridOf(said));
    else if (said.type === "close") this.#close(said.id);
    else this.#pass(said, text.length);
  }

  end(): void {
    this.#isOver = true;
    for (const id of this.#views.keys()) this.#drop(id);
  }

  #open(id: string, grid: Grid | undefined): void {
    if (this.#views.has(id)) return;
    if (Math.max(this.#views.size, this.#opening) >= MOST_TERMINALS) {
      const message = `open ${id}: ${MOST_TERMINALS} terminals are open on this socket already`;
      this.#say({ type: "error", id, code: "STREAMS_FULL", message });
      return;
    }
    this.#opening += 1;
    const view = this.#watch(id).finally(() => {
      this.#opening -= 1;
    });
    const opened = { view, untaken: 0 };
    this.#views.set(id, opened);
    view.then(
      (there) => {
        const isWanted = this.#views.get(id) === opened;
        return isWanted && grid !== undefined ? there.resize(grid) : undefined;
      },
      (error: unknown) => {
        if (this.#views.get(id) === opened) this.#forget(id);
        const { code, message } =
          error instanceof Failure ? error : new Failure("DEFECT", "the view could not be opened");
        if (!(error instanceof Failure)) this.#edge.report(error, "mux");
        this.#say({ type: "error", id, code, message });
      },
    );
  }

  async #watch(id: string): Promise<View> {
    const { watch } = this.#edge;
    if (watch === undefined) throw new Failure("PANE_GONE", "this daemon has no terminals");
    return watch(id, {
      onScreen: (bytes, grid) =>
        this.#tell({ type: "screen", id, data: bytes.toString("base64"), ...grid }),
      onOutput: (bytes) => this.#tell({ type: "data", id, data: bytes.toString("base64") }),
      onGrid: (grid) => this.#say({ type: "resize", id, ...grid }),
      onEnd: () => {
        this.#forget(id);
        this.#say({ type: "exited", id, message: this.#whyEnded(id) });
      },
    });
  }

  #whyEnded(id: string): string {
    const row = this.#edge.system.snapshot(addressOf("terminal", id));
    const state = this.#edge.views
      .list({ kind: "terminal", limit: 1, where: ({ address }) => address === row?.address })
      .at(0)?.states;
    return `The terminal was closed${state === undefined ? "" : `; it is ${state.join(", ")}`}.`;
  }

  #tell(saying: Extract<Saying, { type: "screen" | "data" }>): void {
    const { id } = saying;
    if (this.#behind.has(id)) return;
    if (this.#socket.bufferedAmount > BEHIND_BYTES) {
      this.#behind.add(id);
      this.#catchUp(id);
      return;
    }
    this.#say(saying);
  }

  #catchUp(id: string): void {
    setTimeout(() => {
      if (this.#isOver || !this.#views.has(id)) return;
      if (this.#socket.bufferedAmount > 0) {
        this.#catchUp(id);
        return;
      }
      this.#behind.delete(id);
      void this.#views.get(id)?.view.then((view) => view.redraw());
    }, LOOK_AGAIN_MS).unref();
  }

  #pass(said: Extract<Said, { type: "data" | "resize" }>, size: number): void {
    const { id } = said;
    const opened = this.#views.get(id);
    if (opened === undefined) {
      this.#say({ type: "error", id, code: "PANE_GONE", message: `${id} is not open here` });
      return;
    }
    if (opened.untaken + size > MOST_UNTAKEN) {
      this.#drop(id);
      const message = `type into ${id}: it takes nothing, and ${opened.untaken} bytes wait; nothing of that is typed later. Open it again when tmux answers: ao doctor tells`;
      this.#say({ type: "error", id, code: "TMUX_UNREACHABLE", message });
      return;
    }
    opened.untaken += size;
    const taken = (): void => {
      opened.untaken -= size;
    };
    const act = (view: View): void => {
      // It was let go, so nobody sees what that would meet.
      if (this.#views.get(id) !== opened) return;
      if (said.type === "data") view.type(Buffer.from(said.data, "base64"), taken);
      else view.resize({ columns: said.columns, rows: said.rows }, taken);
    };
    opened.view.then(act, () => {});
  }

  #close(id: string): void {
    if (this.#drop(id)) this.#say({ type: "closed", id });
  }

  #drop(id: string): boolean {
    const opened = this.#views.get(id);
    this.#forget(id);
    opened?.view.then((view) => view.close()).catch(() => {});
    return opened !== undefined;
  }

  #forget(id: string): void {
    this.#views.delete(id);
    this.#behind.delete(id);
  }

  #say(saying: Saying): void {
    if (this.#isOver || this.#socket.readyState !== 1) return;
    if (saying.type === "data") {
      this.#socket.send(JSON.stringify(saying), () => {});
      return;
    }
    // A burst that the reader's machine takes at once is no backlog.
    if (this.#unread >= MOST_UNREAD && this.#socket.bufferedAmount > 0) {
      this.end();
      this.#socket.close(POLICY_VIOLATION, "what was asked for is not read");
      return;
    }
    this.#unread += 1;
    this.#socket.send(JSON.stringify(saying), () => {
      this.#unread -= 1;
    });
  }
}

function parse(text: string): Said | undefined {
  try {
    return Said.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function gridOf({
  columns,
  rows,
}: {
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}): Grid | undefined {
  return columns === undefined || rows === undefined ? undefined : { columns, rows };
}
