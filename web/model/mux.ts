import { keptToken } from "./client.ts";

// Mux
//
// Terminals over one socket for the whole page.
//
//   U1. A socket that broke is made anew, and every terminal that is looked at is opened again.
//   U2. Silence is a break: a ping that is not answered ends the socket.
//   U3. What is typed before the socket first opened is sent then, in order; what is typed into a lost one is not sent
//       later: nobody would see what it meets.

export interface Grid {
  readonly columns: number;
  readonly rows: number;
}

/** What a terminal is told. */
export interface TerminalListener {
  readonly onScreen: (bytes: Uint8Array, grid: Grid) => void;
  readonly onData: (bytes: Uint8Array) => void;
  readonly onGrid: (grid: Grid) => void;
  /** It is over, in words. */
  readonly onEnd: (words: string) => void;
  /** The daemon does not answer, or answers again. */
  readonly onLink: (isLive: boolean) => void;
}

export interface TerminalLink {
  type(text: string): void;
  resize(grid: Grid): void;
  close(): void;
}

interface Message {
  readonly type: "screen" | "data" | "resize" | "exited" | "closed" | "error" | "pong";
  readonly id?: string;
  readonly data?: string;
  readonly columns?: number;
  readonly rows?: number;
  readonly message?: string;
}

const PING_MS = 10_000;
const RETRY_MS = [200, 500, 1_000, 2_000, 4_000];

const listeners = new Map<string, TerminalListener>();
const grids = new Map<string, Grid>();
const early = new Map<string, object[]>();
let socket: WebSocket | undefined;
let tries = 0;
let retry: ReturnType<typeof setTimeout> | undefined;
let ping: ReturnType<typeof setInterval> | undefined;
let isAnswered = true;

/** Opens a terminal; one listener for each. */
export function openTerminal(id: string, listener: TerminalListener): TerminalLink {
  listeners.set(id, listener);
  if (isOpen()) {
    send({ type: "open", id });
  } else {
    early.set(id, []);
    connect();
  }
  return {
    type: (text) => {
      const message = { type: "data", id, data: base64(new TextEncoder().encode(text)) };
      if (isOpen()) send(message);
      else early.get(id)?.push(message);
    },
    resize: (grid) => {
      grids.set(id, grid);
      send({ type: "resize", id, ...grid });
    },
    close: () => {
      if (listeners.get(id) !== listener) return;
      listeners.delete(id);
      grids.delete(id);
      early.delete(id);
      send({ type: "close", id });
      if (listeners.size === 0) disconnect();
    },
  };
}

function connect(): void {
  if (socket !== undefined || listeners.size === 0) return;
  const { protocol, host } = location;
  const url = `${protocol === "https:" ? "wss" : "ws"}://${host}/api/v1/mux`;
  const made = new WebSocket(url, ["ao.mux", `ao.bearer.${keptToken() ?? ""}`]);
  socket = made;
  made.addEventListener("open", () => {
    tries = 0;
    isAnswered = true;
    for (const [id, listener] of listeners) {
      listener.onLink(true);
      send({ type: "open", id, ...grids.get(id) });
      for (const message of early.get(id) ?? []) send(message);
    }
    early.clear();
    ping = setInterval(check, PING_MS);
  });
  made.addEventListener("message", ({ data }) => take(String(data)));
  made.addEventListener("close", () => {
    if (socket !== made) return;
    socket = undefined;
    clearInterval(ping);
    early.clear();
    for (const listener of listeners.values()) listener.onLink(false);
    retry = setTimeout(connect, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
    tries += 1;
  });
}

function disconnect(): void {
  const open = socket;
  socket = undefined;
  clearInterval(ping);
  clearTimeout(retry);
  open?.close();
}

function check(): void {
  if (!isAnswered) {
    socket?.close();
    return;
  }
  isAnswered = false;
  send({ type: "ping" });
}

function isOpen(): boolean {
  return socket?.readyState === WebSocket.OPEN;
}

function send(message: object): void {
  if (isOpen()) socket?.send(JSON.stringify(message));
}

function take(text: string): void {
  isAnswered = true;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- page and daemon are of one version
  const said = JSON.parse(text) as Message;
  const { type, id = "", data = "", columns = 80, rows = 24, message = "" } = said;
  const listener = listeners.get(id);
  if (listener === undefined) return;
  if (type === "screen") listener.onScreen(bytesOf(data), { columns, rows });
  else if (type === "data") listener.onData(bytesOf(data));
  else if (type === "resize") listener.onGrid({ columns, rows });
  else if (type === "exited" || type === "error") listener.onEnd(message);
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.codePointAt(0) ?? 0);
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCodePoint(byte)).join(""));
}
