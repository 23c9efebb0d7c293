import { execa } from "execa";
import { chmod, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LAUNCHER, attempt, isAlive, launchSpec, tmuxWorld } from "./tmux-world.ts";
import { eventually } from "../../support/eventually.ts";

const HARD = [
  "two words",
  "'single'",
  '"double" $HOME `id` \\',
  "line\nbreak\ttab",
  "ends;",
  ";",
  "-leading",
  "ünï ☃ 漢字 😀",
  "#{pane_id} %1 ~ *",
  "",
  "a prompt of 17 KB ".repeat(967),
];

async function json(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, "utf8"));
}

describe("what the program gets", () => {
  it("orcha-288, A5: arguments and environment reach the program byte for byte", async () => {
    const { launch, home } = tmuxWorld();
    const out = join(home, "got.json");
    const script = `const fs = require("node:fs"); fs.writeFileSync("${out}.new", JSON.stringify([process.argv.slice(1), process.env])); fs.renameSync("${out}.new", "${out}")`;
    const env = Object.fromEntries(
      [...HARD.entries(), ["dotted.name", "x"]].map(([n, v]) => [`V${n}`, v]),
    );
    await launch({ argv: [process.execPath, "-e", script, "--", ...HARD], env });
    const got = await eventually(() => json(out));
    expect(got).toEqual([HARD, expect.objectContaining(env)]);
  });

  it("tells who it is, where its prompt is and where it runs, and hides the fleet's tmux", async () => {
    const { launch, home } = tmuxWorld({
      inherit: { KEPT: "1", TMUX: "x", COLUMNS: "9", PATH: process.env["PATH"] },
    });
    const cwd = join(home, "wörk tree");
    await mkdir(cwd);
    const out = join(home, "env");
    await launch(
      {
        cwd,
        argv: ["sh", "-c", 'env > "$1.new"; pwd >> "$1.new"; mv "$1.new" "$1"', "sh", out],
        prompt: "do it",
      },
      { epoch: 4 },
    );
    const text = await eventually(() => readFile(out, "utf8"));
    const prompt = join(home, "prompts/mer.4.md");
    for (const line of [
      "AO_TERMINAL_ID=mer",
      "AO_EPOCH=4",
      `AO_HOME=${home}`,
      "AO_TOKEN=secret",
      `AO_PROMPT_FILE=${prompt}`,
      "KEPT=1",
      "TERM=screen-256color",
      cwd,
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    expect(text).not.toMatch(/^(TMUX|TMUX_PANE|COLUMNS)=/m);
    expect(await readFile(prompt, "utf8")).toBe("do it\n");
    expect((await stat(prompt)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(home, "terminals"))).not.toContain("mer.4.launch");
  });

  it("L4: owns the foreground of its terminal, and Ctrl-C reaches it", async () => {
    const { launch, tmux, terminals } = tmuxWorld();
    await launch({
      argv: [
        "sh",
        "-c",
        "trap 'echo interrupted; exit 3' INT; ps -o pgid=,tpgid= -p $$; while :; do sleep 0.05; done",
      ],
    });
    const screen = await eventually(async () => {
      const text = await terminals.capture("mer", 5);
      expect(text).toMatch(/\d+ +\d+/);
      return text;
    });
    const [group, foreground] = screen.trim().split(/\s+/);
    expect(group).toBe(foreground);
    await tmux.run(["send-keys", "-t", "=mer:", "C-c"]);
    await expect.poll(() => terminals.exitOf({ terminal: "mer", epoch: 1 })).toEqual({ code: 3 });
    expect(await terminals.capture("mer", 5)).toContain("interrupted");
  });
});

describe("how it ended", () => {
  it.each([
    { title: "an exit code", script: "exit 7", exit: { code: 7 } },
    { title: "success", script: "exit 0", exit: { code: 0 } },
    { title: "a signal", script: "kill -KILL $$", exit: { signal: 9 } },
    { title: "an exit code that looks like a signal", script: "exit 143", exit: { code: 143 } },
  ])("L3: records $title", async ({ script, exit }) => {
    const { launch, terminals } = tmuxWorld();
    await launch({ argv: ["sh", "-c", script] });
    await expect.poll(() => terminals.exitOf({ terminal: "mer", epoch: 1 })).toEqual(exit);
  });

  it("L3: records an end that happens while tmux is dead", async () => {
    const { launch, terminals, socket, home } = tmuxWorld();
    await launch({
      argv: ["sh", "-c", `trap '' HUP; while [ ! -e ${home}/go ]; do sleep 0.02; done; exit 5`],
    });
    const { stdout } = await execa("tmux", ["-S", socket, "display-message", "-p", "#{pid}"]);
    process.kill(Number(stdout), "SIGKILL");
    await expect
      .poll(() => terminals.listPanes())
      .toMatchObject([{ hasPane: false, process: "indeterminate" }]);
    await writeFile(join(home, "go"), "");
    await expect
      .poll(() => terminals.listPanes())
      .toMatchObject([{ hasPane: false, process: "dead", exitCode: 5 }]);
  });

  it("N2: knows the program dead when nobody could record it", async () => {
    const { launch, terminals } = tmuxWorld();
    const { pid } = await launch({});
    const { stdout } = await execa("ps", ["-o", "ppid=", "-p", String(pid)]);
    process.kill(Number(stdout), "SIGKILL");
    const terminal = { terminal: "mer", epoch: 1, hasPane: true };
    const lastActivityAt: unknown = expect.any(Number);
    await expect
      .poll(() => terminals.listPanes())
      .toEqual([{ ...terminal, lastActivityAt, process: "dead" }]);
  });

  it("N3: believes the record before tmux has noticed, and types nothing any more", async () => {
    const { launch, terminals, type, home } = tmuxWorld();
    await launch({});
    await writeFile(join(home, "terminals/mer.1.exit"), '{"code":4}');
    expect(await terminals.listPanes()).toMatchObject([{ process: "dead", exitCode: 4 }]);
    await expect(type("rm -rf /", { id: "1" })).rejects.toMatchObject({ code: "PANE_GONE" });
  });

  it("knows the program ended though a background child still holds its terminal", async () => {
    const { launch, terminals } = tmuxWorld();
    await launch({ argv: ["sh", "-c", "trap '' HUP; sleep 60 & exit 4"] });
    await expect
      .poll(() => terminals.listPanes())
      .toMatchObject([{ process: "dead", exitCode: 4 }]);
  });

  it("keeps the screen of a program that ended", async () => {
    const { launch, terminals } = tmuxWorld();
    await launch({ argv: ["sh", "-c", "echo last words; exit 1"] });
    await expect.poll(() => terminals.listPanes()).toMatchObject([{ process: "dead" }]);
    expect(await terminals.capture("mer", 10)).toBe("last words");
  });
});

describe("one process per terminal and epoch", () => {
  it("A1: adopts the program that runs", async () => {
    const { launch } = tmuxWorld();
    const first = await launch({});
    expect(await launch({})).toEqual({ pid: first.pid, adopted: true });
  });

  it("A1: adopts a program that has ended, and one whose tmux has died", async () => {
    const { launch, terminals, tmux, home } = tmuxWorld();
    const argv = ["sh", "-c", `echo run >> ${home}/runs; exit 2`];
    const first = await launch({ argv });
    await expect.poll(() => terminals.listPanes()).toMatchObject([{ process: "dead" }]);
    expect(await launch({ argv })).toEqual({ pid: first.pid, adopted: true });
    await tmux.run(["kill-server"]);
    expect(await launch({ argv })).toEqual({ pid: first.pid, adopted: true });
    expect(await readFile(join(home, "runs"), "utf8")).toBe("run\n");
  });

  it("A2: ends an older epoch first, even one that tmux has lost", async () => {
    const { launch, tmux } = tmuxWorld();
    const lost = await launch({ argv: ["sh", "-c", "trap '' HUP; while :; do sleep 1; done"] });
    await tmux.run(["kill-server"]);
    const second = await launch({}, { epoch: 2 });
    expect(await isAlive(lost.pid)).toBe(false);
    const third = await launch({}, { epoch: 3 });
    expect([await isAlive(second.pid), await isAlive(third.pid)]).toEqual([false, true]);
  });

  it("A3: refuses an epoch older than the one that is there, and leaves that alone", async () => {
    const { launch } = tmuxWorld();
    const { pid } = await launch({}, { epoch: 5 });
    await expect(launch({}, { epoch: 4 })).rejects.toMatchObject({ code: "EPOCH_STALE" });
    expect(await isAlive(pid)).toBe(true);
  });

  it("A4: a pane names its terminal and epoch", async () => {
    const { launch, tmux } = tmuxWorld();
    await launch({}, { terminal: "-a_1", epoch: 12 });
    expect(
      await tmux.run(["list-panes", "-a", "-F", "#{session_name} #{@ao_terminal} #{@ao_epoch}"]),
    ).toMatchObject({
      stdout: "-a_1 -a_1 12\n",
    });
  });

  it("L1: of many launches at once, one runs and the others adopt it", async () => {
    const { launch, home } = tmuxWorld();
    const argv = ["sh", "-c", `echo run >> ${home}/runs; exec cat`];
    const all = await Promise.all(Array.from({ length: 6 }, () => launch({ argv })));
    expect(new Set(all.map((one) => one.pid)).size).toBe(1);
    expect(all.filter((one) => !one.adopted)).toHaveLength(1);
    expect(await readFile(join(home, "runs"), "utf8")).toBe("run\n");
  });

  it("L1: a second launcher of the same epoch runs nothing", async () => {
    const { launch, home } = tmuxWorld();
    await launch({});
    const file = join(home, "terminals/mer.1.launch");
    await writeFile(file, ["/", "3", "touch", join(home, "never"), "--", ""].join("\0"));
    const second = await execa("perl", [LAUNCHER, file], {
      reject: false,
    });
    expect(second.stderr).toContain("was started before");
    expect(await readdir(home)).not.toContain("never");
  });

  it("refuses a session of that name that is not ours", async () => {
    const { launch, tmux } = tmuxWorld();
    await tmux.run(["new-session", "-d", "-s", "mer", "--", "cat"]);
    await expect(launch({})).rejects.toMatchObject({ code: "PANE_FOREIGN" });
  });
});

describe("what cannot be launched", () => {
  it.each([
    {
      title: "a folder that is not there",
      launch: { cwd: "/no/such/folder" },
      message: /cannot enter \/no\/such\/folder: No such file/,
    },
    {
      title: "a program that is not there",
      launch: { argv: ["no-such-program"] },
      message: /cannot run no-such-program: No such file/,
    },
    {
      title: "a file that is not a program",
      launch: { argv: ["/etc/passwd"] },
      message: /cannot run \/etc\/passwd: Permission denied/,
    },
    {
      title: "a variable without a name",
      launch: { env: { "A=B": "c" } },
      message: /no environment variable can be named "A=B"/,
    },
    {
      title: "an argument with a NUL",
      launch: { argv: ["cat", "a\0b"] },
      message: /contains a NUL/,
    },
  ])(
    "says so for $title, again when asked again, and leaves nothing",
    async ({ launch: wrong, message }) => {
      const { launch, terminals } = tmuxWorld();
      for (let time = 1; time <= 2; time += 1) {
        await expect(launch(wrong)).rejects.toMatchObject({ code: "LAUNCH_FAILED", message });
      }
      expect(await terminals.listPanes()).toEqual([]);
      expect(await launch({}, { epoch: 2 })).toMatchObject({ adopted: false });
    },
  );

  it("says so when the launcher itself cannot run", async () => {
    const { launch } = tmuxWorld({ launcher: "/no/such/launcher" });
    await expect(launch({})).rejects.toMatchObject({ code: "LAUNCH_FAILED", message: /launcher/ });
  });

  it("gives up at the deadline", async () => {
    const { terminals, home } = tmuxWorld({ launcher: join(tmuxWorld().home, "slow") });
    const slow = join(home, "slow");
    await writeFile(slow, "sleep 60 while 1;");
    await chmod(slow, 0o700);
    const world = tmuxWorld({ home, launcher: slow });
    const data = { terminal: "mer", host: "local", epoch: 1, launch: launchSpec() };
    const late = world.terminals.launchTerminal(data, {
      ...attempt(),
      signal: AbortSignal.timeout(300),
    });
    await expect(late).rejects.toMatchObject({ code: "DEADLINE_PASSED" });
    expect(await terminals.listPanes()).toEqual([]);
  });
});
