import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { reachNats } from "../../bus/nats-bus.ts";
import { Failure } from "../../machines/failures.ts";
import type { Settings } from "../../machines/settings.ts";
import { shellWord } from "../../machines/shell-word.ts";
import { givenEndpoint } from "../daemon/given-nats.ts";
import { listening } from "../daemon/listening.ts";
import { readSettings } from "../home.ts";
import { notifyFindings } from "./doctor-programs.ts";
import type { Finding } from "./finding.ts";

// Doctor of the settings
//
// What config.json says is tried out: a file that is well formed may name what is not there.

/** What is found of `config.json`, and when it is valid, of what it names. */
export async function settingsFindings(home: string): Promise<Finding[]> {
  const file = join(home, "config.json");
  const mend = `\${EDITOR:-vi} ${shellWord(file)}`;
  try {
    const settings = readSettings(home);
    const found = existsSync(file) ? "config.json is valid" : "all defaults";
    return [
      { name: "config", isFine: true, found },
      ...(await natsFindings(settings, mend)),
      await addressFinding(settings, mend),
      ...(await notifyFindings(settings, mend)),
    ];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [{ name: "config", isFine: false, found: error.message, mend }];
  }
}

/** The server that is given; one of our own is looked at as a program. */
async function natsFindings(settings: Settings, mend: string): Promise<Finding[]> {
  const name = "nats.url";
  const isOfShell = process.env["AO_NATS_URL"] !== undefined;
  try {
    const endpoint = givenEndpoint(settings, process.env);
    if (endpoint === undefined) return [];
    await reachNats(endpoint);
    return [{ name, isFine: true, found: `${endpoint.servers.join(", ")} answers` }];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const own = "unset AO_NATS_URL # or start that server";
    return [{ name, isFine: false, found: error.message, mend: isOfShell ? own : mend }];
  }
}

/** Whether the daemon could listen there; on another port, as its own may be its. */
async function addressFinding({ http }: Settings, mend: string): Promise<Finding> {
  const name = "http.host";
  try {
    await listening(http, async () => bindTo(http.host));
    return { name, isFine: true, found: `${http.host} can be listened on` };
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return { name, isFine: false, found, mend };
  }
}

async function bindTo(host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, host, () => server.close(() => resolve()));
  });
}
