// A daemon that ends itself with SIGKILL where `<home>/doom.json` says. Otherwise it is what `ao up` runs.
// node mortal-daemon.ts, with AO_HOME.

import { readFileSync, renameSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Boundary } from "../../../actors/host.ts";
import type { Adapters } from "../../../adapters/adapter.ts";
import type { Outside } from "../../../bin/daemon/outside.ts";
import type { EffectName } from "../../../machines/effects.ts";
import type { Doom } from "../../support/doom.ts";

// Before the daemon is loaded: what was loaded before is compiled anew at each start.
module.enableCompileCache(join(import.meta.dirname, "../../../.cache/node"));
const { startDaemon } = await import("../../../bin/daemon/daemon.ts");

const home = process.env["AO_HOME"] ?? "";
const order = join(home, "doom.json");
/** Effects that were done since the doom was spoken. */
const done = new Set<EffectName>();
let passed = 0;

function doom(): Doom | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the test itself, in one piece
    return JSON.parse(readFileSync(order, "utf8")) as Doom;
  } catch {
    return undefined;
  }
}

function die(): void {
  renameSync(order, join(home, "doom.met"));
  process.kill(process.pid, "SIGKILL");
}

function onBoundary(boundary: Boundary): void {
  const told = doom();
  if (told?.at !== boundary) return;
  if (told.after !== undefined && !done.has(told.after)) return;
  if (passed === (told.skip ?? 0)) die();
  passed += 1;
}

function mortal<Name extends keyof Adapters>(name: Name, perform: Adapters[Name]): Adapters[Name] {
  const wrapped = async (...args: Parameters<Adapters[Name]>): Promise<unknown> => {
    const told = doom();
    const working = (perform as (...given: typeof args) => Promise<unknown>)(...args);
    if (told?.at === "during" && told.effect === name) {
      working.catch(() => {});
      await delay(told.afterMs);
      die();
    }
    const result = await working;
    if (told?.at === "result" && told.effect === name) die();
    done.add(name);
    return result;
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it answers what the adapter answers
  return wrapped as Adapters[Name];
}

function mortalOutside({ adapters, ...others }: Outside): Outside {
  const { launchTerminal, destroyTerminal, typeText } = adapters;
  const { prepareWorkspace, reclaimWorkspace } = adapters;
  return {
    ...others,
    adapters: {
      ...adapters,
      notifyPerson: mortal("notifyPerson", adapters.notifyPerson),
      launchTerminal: mortal("launchTerminal", launchTerminal),
      destroyTerminal: mortal("destroyTerminal", destroyTerminal),
      typeText: mortal("typeText", typeText),
      prepareWorkspace: mortal("prepareWorkspace", prepareWorkspace),
      reclaimWorkspace: mortal("reclaimWorkspace", reclaimWorkspace),
    },
  };
}

const told = new Promise((resolve) => {
  process.on("SIGTERM", resolve);
});
const daemon = await startDaemon({
  home,
  entry: [process.execPath, join(import.meta.dirname, "../../../bin/entry.js")],
  version: "0.0.0",
  env: process.env,
  log: (line) => process.stderr.write(`${new Date().toISOString()} ${line}\n`),
  seams: { onBoundary, outside: mortalOutside },
});
await Promise.race([told, daemon.escalated]);
await daemon.stop();
