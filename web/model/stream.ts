import { open, Refusal } from "./client.ts";

// Stream
//
// Follows a stream of events and mends itself.
//
//   M1. After a break it goes on after the last id it saw: nothing is missed, nothing is told twice.
//   M2. Silence is a break: who hears neither news nor a heartbeat for a while connects anew, and says so.
//   M3. A page that nobody looks at holds no connection: browsers have few for one host.
//   M4. An `error` says why the daemon ended the stream: it is shown, and tried again as seldom as after a refusal.

export interface ServerEvent {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: string;
}

/** How a stream stands; `since` is milliseconds since 1970. */
export type Link =
  | { readonly type: "connecting" }
  | { readonly type: "live" }
  | { readonly type: "lost"; readonly since: number; readonly why: string };

export interface StreamOptions {
  readonly path: string;
  /** Where to begin; the place of the last event afterwards. */
  readonly after: number;
  readonly silentMs: number;
  readonly onEvent: (event: ServerEvent) => void;
  readonly onLink: (link: Link) => void;
}

const RETRY_MS = [200, 400, 800, 1_600, 3_000];
const HIDDEN_MS = 30_000;

/** Follows until it is told to stop. */
export function follow(options: StreamOptions): () => void {
  const stopped = new AbortController();
  void run(options, stopped.signal);
  return () => stopped.abort();
}

async function run(options: StreamOptions, stopped: AbortSignal): Promise<void> {
  const { onLink } = options;
  const place: Place = { last: String(options.after), store: "", tries: 0, lostAt: 0 };
  onLink({ type: "connecting" });
  while (!stopped.aborted) {
    await untilVisible(stopped);
    const why = await once(options, place, stopped);
    if (stopped.aborted) return;
    if (why !== "hidden") {
      place.lostAt ||= Date.now();
      if (place.tries > 0 || why !== "ended") {
        onLink({ type: "lost", since: place.lostAt, why });
      }
      await pause(RETRY_MS[Math.min(place.tries, RETRY_MS.length - 1)] ?? 3_000, stopped);
      place.tries += 1;
    }
  }
}

interface Place {
  last: string;
  /** The generation of the store that it is of; empty before the first answer. */
  store: string;
  tries: number;
  lostAt: number;
}

/** One connection, to its end; the answer is why it ended. */
async function once(options: StreamOptions, place: Place, stopped: AbortSignal): Promise<string> {
  const ended = new AbortController();
  let why = "ended";
  const end = (reason: string): void => {
    why = reason;
    ended.abort();
  };
  let silence = setTimeout(end, options.silentMs, "silent");
  const unwatch = whenHidden(() => end("hidden"));
  const { tries, lostAt } = place;
  try {
    const signal = AbortSignal.any([stopped, ended.signal]);
    const path = pathFrom(options.path, place.store);
    const { body, store } = await open(path, { "last-event-id": place.last }, signal);
    place.store = store;
    options.onLink({ type: "live" });
    place.tries = 0;
    place.lostAt = 0;
    for await (const event of events(body, () => {
      clearTimeout(silence);
      silence = setTimeout(end, options.silentMs, "silent");
    })) {
      if (event.type === "error") {
        Object.assign(place, { tries, lostAt });
        throw refusalIn(event.data);
      }
      if (event.id !== undefined) place.last = event.id;
      options.onEvent(event);
    }
  } catch (error) {
    if (!ended.signal.aborted) why = error instanceof Refusal ? error.message : "broken off";
  } finally {
    clearTimeout(silence);
    unwatch();
  }
  return why;
}

function refusalIn(data: string): Refusal {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- page and daemon are of one version
  const { code, message } = JSON.parse(data) as { code: string; message: string };
  return new Refusal(code, message, 0);
}

/** A restored store has the same numbers for other steps: it is told which one was followed before. */
function pathFrom(path: string, store: string): string {
  if (store === "") return path;
  return `${path}${path.includes("?") ? "&" : "?"}store=${encodeURIComponent(store)}`;
}

async function* events(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  onBytes: () => void,
): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    text += value;
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    for (const frame of frames) {
      const data = /^data: (.*)$/m.exec(frame)?.[1];
      if (data === undefined) continue;
      const type = /^event: (.*)$/m.exec(frame)?.[1] ?? "message";
      yield { id: /^id: (\d+)$/m.exec(frame)?.[1], type, data };
    }
  }
}

async function untilVisible(stopped: AbortSignal): Promise<void> {
  if (!document.hidden || stopped.aborted) return;
  await new Promise<void>((resolve) => {
    const options = { signal: stopped };
    const look = (): void => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look, options);
    stopped.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Calls once the page was hidden for a while. */
function whenHidden(call: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(call, HIDDEN_MS);
  };
  document.addEventListener("visibilitychange", look);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  };
}

async function pause(ms: number, stopped: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    stopped.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
