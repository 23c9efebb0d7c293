import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bareMachine } from "../support/bare-machine.ts";

const NPM = "npm install --no-save --include=dev --ignore-scripts=false --loglevel=error";
const APT = "apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120";
const ALL = ["nats-server", "tmux", "git"];

it("installs the packages and exactly the programs that are missing, then runs the command", async () => {
  const machine = bareMachine("root", ["git", "apt-get"]);
  const { code, stdout, stderr } = await machine.launch(["version", "two words"]);
  expect([code, stdout]).toEqual([0, "ran version|two words"]);
  expect(machine.calls()).toEqual([NPM, `${APT} nats-server tmux`]);
  expect(stderr.split("\n")).toEqual([
    "ao: installing packages …",
    "ao: installing nats-server tmux with apt-get …",
  ]);
});

it("says and does nothing when everything is there (P1)", async () => {
  const machine = bareMachine("root", ["apt-get"]);
  await machine.launch(["first"]);
  const before = machine.calls();
  expect(await machine.launch(["second"])).toEqual({ code: 0, stdout: "ran second", stderr: "" });
  expect(machine.calls()).toEqual(before);
});

it("installs the packages again when the lockfile has changed", async () => {
  const machine = bareMachine("root", ALL);
  await machine.launch([]);
  writeFileSync(join(machine.root, "package-lock.json"), "{ }");
  await machine.launch([]);
  await machine.launch([]);
  expect(machine.calls()).toEqual([NPM, NPM]);
});

it("does without nats-server where AO_NATS_URL names one", async () => {
  const machine = bareMachine("root", ["tmux", "git"]);
  const env = { AO_NATS_URL: "nats://127.0.0.1:4222" };
  expect(await machine.launch(["ls"], { env })).toMatchObject({ code: 0, stdout: "ran ls" });
});

interface Refusal {
  readonly title: string;
  readonly user: "root" | "plain";
  readonly has: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly says: string;
}

it.each([
  {
    title: "AO_NO_INSTALL=1 as root",
    user: "root",
    has: ["git", "apt-get"],
    env: { AO_NO_INSTALL: "1" },
    says: "ao: missing: nats-server tmux; run: apt-get update && apt-get install -y --no-install-recommends nats-server tmux",
  },
  {
    title: "AO_NO_INSTALL=1 with brew",
    user: "plain",
    has: ["tmux", "git", "brew"],
    env: { AO_NO_INSTALL: "1" },
    says: "ao: missing: nats-server; run: brew install nats-server",
  },
  {
    title: "a plain user without sudo",
    user: "plain",
    has: ["tmux", "git", "apt-get"],
    says: "ao: missing: nats-server; run: sudo apt-get update && sudo apt-get install -y --no-install-recommends nats-server",
  },
  {
    title: "root with brew, which refuses root",
    user: "root",
    has: ["tmux", "git", "brew"],
    says: "ao: missing: nats-server; run: brew install nats-server",
  },
  {
    title: "a machine with neither apt-get nor brew",
    user: "root",
    has: ["tmux"],
    says: "ao: missing: nats-server git; run: install nats-server git with the package manager of this machine",
  },
] satisfies Refusal[])(
  "prints the exact command and installs no program for $title (P2)",
  async ({ user, has, says, ...rest }) => {
    const machine = bareMachine(user, has);
    machine.add("nats-server");
    machine.add("tmux");
    machine.add("git");
    await machine.launch([]);
    for (const name of ALL.filter((program) => !has.includes(program))) machine.remove(name);
    const before = machine.calls();
    expect(await machine.launch(["up"], rest)).toEqual({ code: 1, stdout: "", stderr: says });
    expect(machine.calls()).toEqual(before);
  },
);

it("prints the command for the packages with AO_NO_INSTALL=1 (P2)", async () => {
  const machine = bareMachine("root", ALL);
  expect(await machine.launch([], { env: { AO_NO_INSTALL: "1" } })).toEqual({
    code: 1,
    stdout: "",
    stderr: `ao: the packages are not installed; run: cd '${machine.root}' && npm install --no-save`,
  });
  expect(machine.calls()).toEqual([]);
});

it("installs through sudo where that needs no password", async () => {
  const machine = bareMachine("plain", ["git", "tmux", "apt-get", "sudo"]);
  expect(await machine.launch(["ls"])).toMatchObject({ code: 0, stdout: "ran ls" });
  expect(machine.calls()).toEqual([
    NPM,
    `sudo env DEBIAN_FRONTEND=noninteractive ${APT} nats-server`,
    `${APT} nats-server`,
  ]);
});

it("fetches the package lists when the installation fails without them", async () => {
  const machine = bareMachine("root", ["git", "tmux", "apt-get"]);
  const lists = join(machine.root, "lists");
  machine.add(
    "apt-get",
    `echo "$1" >&2`,
    `if [ "$1" = update ]; then mkdir '${lists}'; exit; fi`,
    `[ -d '${lists}' ] && cp "\${0%/*}/id" "\${0%/*}/nats-server"`,
  );
  const { code, stderr } = await machine.launch([]);
  expect(code).toBe(0);
  expect(stderr.split("\n").slice(2)).toEqual(["install", "update", "install"]);
});

it("says so when a program is still missing after its installation", async () => {
  const machine = bareMachine("root", ["git", "tmux", "apt-get"]);
  machine.add("apt-get", "exit 0");
  const { code, stderr } = await machine.launch([]);
  expect([code, stderr.split("\n").at(-1)]).toEqual([
    1,
    "ao: still missing after the installation: nats-server",
  ]);
});

it("turns off the system's own server when it came with the installation, and only then", async () => {
  const machine = bareMachine("root", ["git", "apt-get", "systemctl", "nats-server"]);
  await machine.launch([]);
  expect(machine.calls().filter((call) => call.startsWith("systemctl"))).toEqual([]);
  machine.remove("nats-server");
  await machine.launch([]);
  expect(machine.calls().at(-1)).toBe("systemctl disable --now nats-server.service");
});

it.each([
  { title: "too old", add: ["echo 16.20.2"], says: "Node 16.20.2 is too old to begin with" },
  {
    title: "missing",
    add: undefined,
    says: "node is missing: Node 18 or newer and npm are needed",
  },
])("says what to run when Node is $title", async ({ add, says }) => {
  const machine = bareMachine("root", [...ALL, "apt-get"]);
  machine.remove("node");
  if (add !== undefined) machine.add("node", ...add);
  const { code, stderr } = await machine.launch([]);
  expect(code).toBe(1);
  expect(stderr).toContain(`ao: ${says}`);
  expect(stderr).toMatch(/; run: apt-get update && apt-get install .* nodejs npm$/);
});

it("installs once when two prepare at the same time (P3)", async () => {
  const machine = bareMachine("root", ["apt-get"]);
  const launches = await Promise.all(["a", "b", "c"].map((name) => machine.launch([name])));
  expect(launches.map(({ stdout }) => stdout)).toEqual(["ran a", "ran b", "ran c"]);
  expect(machine.calls()).toEqual([NPM, `${APT} nats-server tmux git`]);
});

it("takes over the lock of a killed process, and leaves none behind (P3)", async () => {
  const machine = bareMachine("root", ALL);
  const { pid } = spawnSync("true");
  const lock = join(machine.root, ".cache/prepare.lock");
  mkdirSync(join(machine.root, ".cache"));
  symlinkSync(String(pid), lock);
  symlinkSync(String(pid), `${lock}.stale`);
  expect(await machine.launch(["ls"])).toMatchObject({ code: 0, stdout: "ran ls" });
  expect(() => readlinkSync(lock)).toThrow("ENOENT");
});

it("waits for the lock of a living process (P3)", async () => {
  const machine = bareMachine("root", ALL);
  const lock = join(machine.root, ".cache/prepare.lock");
  mkdirSync(join(machine.root, ".cache"));
  symlinkSync(String(process.pid), lock);
  // The launcher sleeps between two looks at the lock: here that is the moment when its holder is done.
  machine.add("sleep", `"\${0%/*}/rm" -f '${lock}'`);
  expect(await machine.launch(["ls"])).toMatchObject({ code: 0, stdout: "ran ls" });
});

it.each([
  { title: "an absolute link", target: (root: string) => join(root, "bin/ao") },
  { title: "a relative link", target: () => "a clone/bin/ao" },
])("runs through $title from anywhere", async ({ target }) => {
  const machine = bareMachine("root", ALL);
  const through = join(machine.root, "../ao link");
  symlinkSync(target(machine.root), through);
  expect(await machine.launch(["ls"], { through, cwd: "/" })).toMatchObject({ stdout: "ran ls" });
});

it("passes on the exit code of the command", async () => {
  const machine = bareMachine("root", ALL);
  writeFileSync(join(machine.root, "bin/entry.js"), "process.exitCode = 75;");
  expect(await machine.launch([])).toMatchObject({ code: 75 });
});

it("builds the pages when they are missing or a file of them is newer, and not again (P5)", async () => {
  const machine = bareMachine("root", ALL);
  const script = "mkdir -p web/bundle && echo built >> builds && : > web/bundle/made";
  writeFileSync(
    join(machine.root, "package.json"),
    JSON.stringify({ scripts: { bundle: script } }),
  );
  mkdirSync(join(machine.root, "web/pages"), { recursive: true });
  writeFileSync(join(machine.root, "web/index.html"), "<!doctype html>");
  const builds = (): number =>
    readFileSync(join(machine.root, "builds"), "utf8").trim().split("\n").length;
  const first = await machine.launch(["ls"]);
  expect([first.code, first.stdout, builds()]).toEqual([0, "ran ls", 1]);
  const second = await machine.launch(["ls"]);
  expect([second.stderr, builds()]).toEqual(["", 1]);
  writeFileSync(join(machine.root, "web/pages/new.tsx"), "");
  await machine.launch(["ls"]);
  expect(builds()).toBe(2);
});

it("goes on without the pages when they cannot be built (P5)", async () => {
  const machine = bareMachine("root", ALL);
  writeFileSync(
    join(machine.root, "package.json"),
    JSON.stringify({ scripts: { bundle: "exit 3" } }),
  );
  mkdirSync(join(machine.root, "web"));
  writeFileSync(join(machine.root, "web/index.html"), "<!doctype html>");
  const { code, stdout, stderr } = await machine.launch(["ls"]);
  expect([code, stdout]).toEqual([0, "ran ls"]);
  expect(stderr).toContain("ao: could not build the web pages; ao goes on without them");
});
