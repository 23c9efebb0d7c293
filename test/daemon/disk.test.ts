/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execaSync } from "execa";
import { describe, expect, it } from "vitest";
import { daemonWorld, type DaemonWorld } from "../support/daemon.ts";

// What becomes of a daemon whose disk is full, and of one whose store is damaged.

const canMount =
  execaSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"], { reject: false })
    .exitCode === 0;

interface SmallDisk {
  readonly mode: string;
  /** Runs a daemon whose store has little room; what is in the store is in `saved` when it has ended. */
  readonly under: readonly string[];
  readonly makeRoom: (world: DaemonWorld) => void;
}

const SAVE =
  '"$@"; code=$?; ulimit -S -f unlimited; mkdir -p "$AO_HOME/saved"; cp "$AO_HOME"/lmdb/* "$AO_HOME/saved"; exit $code';
/** Where the mount namespace of the daemon has the store. */
const balloonOf = (world: DaemonWorld): string =>
  join(`/proc/${world.run().pid}/root`, world.home, "lmdb/balloon");

const DISKS: readonly SmallDisk[] = [
  {
    // A limit on the size of every file, where nothing may be mounted: EFBIG in place of ENOSPC.
    mode: "a limit on its files",
    under: ["sh", "-c", `trap "" XFSZ; ulimit -S -f 8192; ${SAVE}`, "sh"],
    makeRoom: (world) =>
      void execaSync("prlimit", [`--pid=${world.run().pid}`, "--fsize=unlimited:unlimited"]),
  },
  ...(canMount
    ? [
        {
          mode: "a small disk",
          under: [
            "unshare",
            "-rm",
            "sh",
            "-c",
            `mkdir -p "$AO_HOME/lmdb"; mount -t tmpfs -o size=8m none "$AO_HOME/lmdb"; head -c 3000000 /dev/zero > "$AO_HOME/lmdb/balloon"; ${SAVE}`,
            "sh",
          ],
          makeRoom: (world: DaemonWorld) => rmSync(balloonOf(world)),
        },
      ]
    : []),
];

const LARGE = "x".repeat(60_000);

async function report(world: DaemonWorld, id: string, key: string): Promise<number | undefined> {
  const options = { key, patienceMs: 1_500 };
  const asked = world.request("POST", `/sessions/${id}/report`, { summary: LARGE }, options);
  return asked.then(
    ({ status }) => status,
    () => undefined,
  );
}

describe("a full disk", () => {
  it.each(DISKS)(
    "pauses the intake, says so, loses nothing, and goes on with room ($mode)",
    async ({ under, makeRoom }) => {
      const world = daemonWorld();
      await world.up({ under });
      const { pid } = world.run();
      await world.addProject();
      const id = await world.addSession();
      const acknowledged: string[] = [];
      let key = randomUUID();
      while ((await report(world, id, key)) === 200) {
        acknowledged.push(key);
        key = randomUUID();
      }
      expect(acknowledged.length).toBeGreaterThan(3);
      const ready = await world.request("GET", "//readyz");
      const store = ready.body.parts.find(({ name }: { name: string }) => name === "store");
      expect([ready.status, store]).toMatchObject([
        503,
        { state: "failing", reason: expect.stringMatching(/free some space/) as unknown },
      ]);
      makeRoom(world);
      await expect.poll(async () => report(world, id, key)).toBe(200);
      acknowledged.push(key);
      expect(await world.request("GET", "//readyz")).toMatchObject({ status: 200 });
      await world.settled();
      expect(world.run().pid).toBe(pid);
      // Only what was durable when it was killed is there afterwards.
      process.kill(pid, "SIGKILL");
      await expect.poll(() => existsSync(join(world.home, "saved/data.mdb"))).toBe(true);
      await world.gone();
      rmSync(join(world.home, "lmdb"), { recursive: true });
      renameSync(join(world.home, "saved"), join(world.home, "lmdb"));
      await world.up();
      const { entries } = await world.get(`/actors/session/${id}/journal?limit=1000`);
      const applied = entries.map(({ message }: { message: { id: string } }) => message.id);
      const lost = acknowledged.filter((each) => !applied.includes(`http:owner:${each}`));
      expect([lost, applied.length]).toEqual([[], new Set(applied).size]);
    },
  );
});

describe("a damaged store", () => {
  it("keeps the daemon from starting, with its name and what to do", async () => {
    const world = daemonWorld();
    await world.up();
    await world.addProject();
    await world.down();
    const file = join(world.home, "lmdb/data.mdb");
    const bytes = readFileSync(file);
    const at = bytes.lastIndexOf("project.register");
    bytes.write("PROJECT", at, "latin1");
    writeFileSync(file, bytes);
    const refused = world.launch();
    expect(await refused.exited).toEqual({ code: 1, signal: null });
    expect(refused.output()).toMatch(
      /^ao: read \S+data\.mdb: .*restore it from a backup.*\(STORE_DAMAGED\); \S/m,
    );
    expect(existsSync(join(world.home, "run.json"))).toBe(false);
  });
});
