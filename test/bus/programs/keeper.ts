// A daemon that starts the server of the home in its first argument, says its pid, and waits to be killed.
import { startNatsServer } from "../../../bus/nats-server.ts";

const server = await startNatsServer({ home: process.argv[2] ?? "" });
process.stdout.write(`${server.pid}\n`);
setInterval(() => undefined, 1_000);
