// A probe that publishes as fast as the server takes it, in a process of its own: URL USER PASS COUNT SESSIONS KIND.
// Each observation has an id and is acknowledged by JetStream; a window of them is under way at any time. KIND "moving"
// gives each session another activity each time, "same" repeats what is known already.

import { connect, createInbox, headers } from "@nats-io/transport-node";

const [servers = "", user = "", pass = "", count = "0", sessions = "1", kind = "moving"] =
  process.argv.slice(2);
const WINDOW = 2_048;
const STATES = ["active", "idle", "ready"] as const;
const encoder = new TextEncoder();
const total = Number(count);
const width = Number(sessions);

const connection = await connect({ servers, user, pass });
const inbox = createInbox();
const { promise: isDone, resolve } = Promise.withResolvers<void>();
let sent = 0;
let stored = 0;
connection.subscribe(inbox, {
  callback: (error, message) => {
    if (error !== null || message.string().includes('"error"')) {
      throw new Error(`publish: ${error?.message ?? message.string()}`);
    }
    stored += 1;
    if (stored === total) resolve();
    if (sent - stored <= WINDOW / 2) publishMore();
  },
});
publishMore();
await isDone;
await connection.close();

function publishMore(): void {
  for (; sent < total && sent - stored < WINDOW; sent += 1) {
    const marks = headers();
    marks.set("Nats-Msg-Id", `bench-${kind}-${sent}`);
    connection.publish(`ao.obs.activity.s${sent % width}`, bodyOf(Math.floor(sent / width)), {
      reply: inbox,
      headers: marks,
    });
  }
}

function bodyOf(round: number): Uint8Array {
  const state = STATES[round % STATES.length];
  // A stale signal is journaled and changes nothing.
  return encoder.encode(
    JSON.stringify(kind === "same" ? { state, confidence: "stale" } : { state }),
  );
}
