import { expect, it } from "vitest";
import type { NatsConnection } from "@nats-io/transport-node";
import { busPart } from "../../bin/daemon/core.ts";
import type { Bus } from "../../bus/bus.ts";
import { kinds } from "../../machines/kinds.ts";
import { Settings } from "../../machines/settings.ts";
import { keepOneOldLog, natsFiles } from "../../bus/nats-home.ts";
import { tempFolder } from "../support/folder.ts";
import { natsWorld } from "./world.ts";

it("ends as a part of the daemon when its connection is closed for good, which no client mends", async () => {
  const world = await natsWorld();
  const { url, user, pass } = world.server().credentials.ao;
  const core: { bus?: Bus; kinds: ReturnType<typeof kinds> } = { kinds: kinds(Settings.parse({})) };
  const part = busPart({ nats: { endpoint: { servers: [url], user, pass } } }, core);
  const running = await part.start(new AbortController().signal, 1);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing of the server makes the client give up
  const { nc } = core.bus as unknown as { nc: NatsConnection };
  await nc.close();
  expect(await running.exited).toMatchObject({ cause: "infra", error: { code: "BUS_DOWN" } });
  await running.stop(0);
});

it("starts though its logs cannot be watched", () => {
  // As the watch of a folder fails that is not there, so it does when the machine is out of watches.
  expect(() => keepOneOldLog(natsFiles(tempFolder()))()).not.toThrow();
});
