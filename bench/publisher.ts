// A probe that publishes as fast as the server takes it, in a process of its own: URL USER PASS COUNT SESSIONS.

import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const [servers = "", user = "", pass = "", count = "0", sessions = "1"] = process.argv.slice(2);
const WINDOW = 500;
const STATES = ["active", "idle", "ready"] as const;

const connection = await connect({ servers, user, pass });
const stream = jetstream(connection);
let waiting: Promise<unknown>[] = [];
for (let n = 0; n < Number(count); n += 1) {
  const state = STATES[Math.floor(n / Number(sessions)) % STATES.length];
  waiting.push(stream.publish(`ao.obs.activity.s${n % Number(sessions)}`, JSON.stringify({ state }), { msgID: `bench-${n}` }));
  if (waiting.length >= WINDOW) {
    await Promise.all(waiting);
    waiting = [];
  }
}
await Promise.all(waiting);
await connection.close();
