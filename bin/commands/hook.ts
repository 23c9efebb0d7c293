import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { EXIT } from "../cli/exit.ts";

/**
 * Keeps what an agent's hook says, as bin/hook does for the `ao` that agents find first on their PATH, without Node. The
 * answer is the exit code; it is 0 also where there is no Perl to do it: no hook fails its agent.
 */
export function runHook(harness: string, event: string): number {
  const hook = fileURLToPath(new URL("../hook", import.meta.url));
  const { status } = spawnSync("perl", [hook, harness, event], { stdio: "inherit" });
  return status ?? EXIT.done;
}
