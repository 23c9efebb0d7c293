import { describe, expect, it } from "vitest";
import { served, withProject, withSession } from "../../support/http.ts";
import { sessionReader, type SessionReader } from "../../../http/session/reader.ts";
import { actorViews } from "../../../http/views.ts";
import type { Served } from "../../support/http.ts";
import type { Address } from "../../../machines/ids.ts";

interface Counted {
  readonly server: Served;
  /** The sessions of a list, in its order. */
  readonly list: () => ReturnType<SessionReader["all"]>;
  /** What was read from the store since it was asked last. */
  readonly reads: () => Address[];
}

async function counted(): Promise<Counted> {
  const server = await served();
  await withProject(server);
  await withSession(server);
  await withSession(server);
  const { system } = server;
  let reads: Address[] = [];
  const reader = sessionReader({
    system: {
      snapshot: (address) => {
        reads.push(address);
        return system.snapshot(address);
      },
    },
    now: () => Date.now(),
    limit: 100,
  });
  const views = actorViews(server.system);
  return {
    server,
    list: () => reader.all(views.list({ kind: "session", limit: 10 })),
    reads: () => {
      const since = reads;
      reads = [];
      return since;
    },
  };
}

describe("a list of sessions", () => {
  it("reads each session once while nothing changes (C1)", async () => {
    const { list, reads } = await counted();
    const first = list();
    expect(reads()).toEqual(["session/demo-1", "session/demo-2"]);
    expect(list()).toEqual(first);
    expect(reads()).toEqual([]);
  });

  it("reads again what changed, and shows it (C1, C2)", async () => {
    const { server, list, reads } = await counted();
    list();
    reads();
    await server.request("POST", "/sessions/demo-2/kill");
    expect(list().map(({ id, status }) => `${id} ${status}`)).toEqual([
      "demo-1 spawning",
      "demo-2 killed",
    ]);
    expect(new Set(reads())).toEqual(new Set(["session/demo-2"]));
  });
});
