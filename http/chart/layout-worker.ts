import { parentPort } from "node:worker_threads";
import Elk from "elkjs/lib/elk.bundled.js";

// Lays out one graph after the other, beside the daemon: the large ones take longer than a message may wait.

const elk = new Elk.default();
parentPort?.on("message", ({ id, graph }: { id: number; graph: { id: string } }) => {
  const answer = (made: object): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage({ id, ...made });
  };
  elk.layout(graph).then(
    (placed) => answer({ placed }),
    (error: unknown) => answer({ error: String(error) }),
  );
});
