import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { daemonWorld } from "../support/daemon.ts";
import { tempFolder } from "../support/folder.ts";

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("a home", () => {
  it("that is moved, with another one in its place, ends the daemon, which writes nothing there and loses nothing (D5)", async () => {
    const world = daemonWorld();
    const daemon = await world.up();
    await world.addProject();
    const nats = world.natsPid();
    const aside = `${world.home}-aside`;
    renameSync(world.home, aside);
    mkdirSync(world.home);
    expect(await daemon.exited).toMatchObject({ code: 1 });
    expect(daemon.output()).toMatch(/^ao: go on in \S+: .*\(HOME_LOST\); put it back/m);
    expect([isAlive(nats), readdirSync(world.home)]).toEqual([false, []]);
    rmSync(world.home, { recursive: true });
    renameSync(aside, world.home);
    await world.up();
    expect(await world.get("/projects/demo")).toMatchObject({ id: "demo" });
  });

  it("whose parent folder is moved, which nobody is told, ends the daemon when it is next asked how it is (G2)", async () => {
    const folder = tempFolder();
    const world = daemonWorld({}, join(folder, "deep"));
    const daemon = await world.up();
    const { url } = world.run();
    const nats = world.natsPid();
    renameSync(join(folder, "deep"), join(folder, "aside"));
    await fetch(`${url}/readyz`).catch(() => {});
    expect(await daemon.exited).toMatchObject({ code: 1 });
    expect([isAlive(nats), readdirSync(folder)]).toEqual([false, ["aside"]]);
  });
});
