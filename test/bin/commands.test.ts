/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { commandLine, connected } from "../support/command-line.ts";
import { tempFolder } from "../support/folder.ts";
import { CHART_FORMATS } from "../../http/chart/formats.ts";
import { served, withOrder, withProject, withSession } from "../support/http.ts";

describe("the command line", () => {
  it("registers, spawns, lists, sends and kills", async () => {
    const { ao, server } = await connected();
    expect(await ao(["project", "add", "/repositories/app", "--command", "true"])).toMatchObject({
      code: 0,
      out: "project app: /repositories/app",
    });
    expect(await ao(["spawn", "app", "Fix the login", "--title", "login"])).toMatchObject({
      code: 0,
      out: "session app-1: spawning",
    });
    expect((await ao(["ls"])).out.split("\n")).toEqual([
      expect.stringMatching(/^ +ID +STATUS +WHY +SINCE +BRANCH +PR +TITLE +LAST WORDS$/),
      expect.stringMatching(/^ +app-1 +spawning +(?:spawn req|it runs).+ \d+s +\S+ +login$/),
    ]);
    expect((await ao(["send", "app-1", "hello"])).out).toMatch(/^queued /);
    expect((await ao(["kill", "app-1"])).out).toBe("session app-1: killed");
    expect((await ao(["ls"])).out).toMatch(/no sessions; 1 are over: ao ls --all$/);
    expect((await ao(["ls", "--all"])).out.split("\n")).toHaveLength(2);
    expect(server.system.report().isBalanced).toBe(true);
  });

  it("lists no session that was killed after it was done, unless all are asked for", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    await withSession(server);
    await ao(["report", "--summary", "Done.", "--session", "demo-1"]);
    expect((await ao(["ls"])).out.split("\n")).toHaveLength(2);
    await ao(["kill", "demo-1"]);
    expect((await server.request("GET", "/sessions/demo-1")).body.lifecycle.state).toBe("done");
    expect((await ao(["ls"])).out).toMatch(/no sessions; 1 are over: ao ls --all$/);
    expect((await ao(["ls", "--all"])).out.split("\n")).toHaveLength(2);
  });

  it("gives what stands after -- to the agent, word by word", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    await ao(["spawn", "demo", "Do it.", "--", "./agent.sh", "--fast", "two words"]);
    const { body } = await server.request("GET", "/actors/session/demo-1");
    expect(body).toMatchObject({ context: { argv: ["./agent.sh", "--fast", "two words"] } });
  });

  it.each([
    { args: ["project", "ls"], is: { projects: [{ id: "demo" }] } },
    { args: ["project", "show", "demo"], is: { id: "demo", state: "registered" } },
    { args: ["project", "config", "demo"], is: { worker: { harness: "command" } } },
    { args: ["project", "pause", "demo"], is: { state: "paused" } },
    { args: ["spawn", "demo", "Again."], is: { id: "demo-2" } },
    { args: ["ls"], is: { sessions: [{ id: "demo-1" }] } },
    { args: ["show", "demo-1"], is: { id: "demo-1", status: "spawning" } },
    { args: ["send", "demo-1", "hello"], is: { state: "queued" } },
    { args: ["attach", "demo-1"], is: { id: "demo-1", attach: ["true"] } },
    { args: ["logs", "demo-1", "-n", "3"], is: { screen: "3 lines" } },
    { args: ["kill", "demo-1"], is: { status: "killed" } },
    { args: ["cleanup"], is: { cleaned: [] } },
    { args: ["orchestrator", "start", "demo", "--clean"], is: { kind: "orchestrator" } },
    { args: ["orchestrator", "ls"], is: { orchestrators: [] } },
    { args: ["notices"], is: { notices: [], total: 0 } },
    {
      args: ["report", "--summary", "Done.", "--session", "demo-1"],
      is: { report: { outcome: "succeeded" } },
    },
    { args: ["observe", "activity", "demo-1", '{"state":"idle"}'], is: {} },
    {
      args: ["pr", "open", "demo", "--title", "A", "--head", "topic"],
      is: { number: 1, created: true },
    },
    { args: ["pr", "ls", "demo"], is: { pulls: [] } },
    { args: ["cleanup", "--dry-run"], is: { dryRun: true, skipped: [] } },
    { args: ["send", "demo-1", "hello", "--wait"], is: { state: "delivered" } },
    { args: ["actors"], is: { next: null } },
    { args: ["actor", "session/demo-1"], is: { machine: "session" } },
    { args: ["actor", "session/demo-1", "--journal"], is: { entries: [{ seq: 1 }, {}, {}] } },
    { args: ["actor", "session/demo-1", "--at", "1"], is: { seq: 1 } },
    { args: ["machine", "session", "--format", "json"], is: { kind: "session" } },
    { args: ["intake"], is: { isBalanced: true } },
    { args: ["dead", "ls"], is: { letters: [] } },
    { args: ["status"], is: { isRunning: true, isReady: true } },
    { args: ["ui"], is: { url: expect.stringMatching(/^http:/) } },
    { args: ["version"], is: { node: process.versions.node } },
  ])("prints one JSON value for $args.0 $args.1 (C2)", async ({ args, is }) => {
    const { json, server } = await connected({
      attach: () => ["true"],
      capture: async (_terminal, lines) => Promise.resolve(`${lines} lines`),
    });
    await withProject(server, "local");
    await withSession(server);
    expect(await json(args)).toMatchObject(is);
  });

  it("tells why something happened, from its beginning", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    await withSession(server);
    const [born] = server.system.store.journal("session/demo-1", { after: 0, limit: 1 });
    const { out } = await ao(["why", born?.message.id ?? ""]);
    expect(out.split("\n").map((line) => line.trim().split(" ")[2])).toEqual(
      expect.arrayContaining(["project.spawn", "session.start"]),
    );
  });

  it("follows what happens, a line a step", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    await withSession(server);
    const lines = await ao(["watch", "--after", "0", "--limit", "3"]);
    expect([lines.code, lines.out.split("\n").map((line) => line.split(" ")[3])]).toEqual([
      0,
      ["project.register", "project.spawn", "session.start"],
    ]);
    const values = await ao(["watch", "--after", "2", "--limit", "1", "--json"]);
    expect(JSON.parse(values.out)).toMatchObject({ globalSeq: 3, address: "session/demo-1" });
  });

  it("lists first who needs a person, then by life and id, the same each time (G1, G2)", async () => {
    const { ao, json, server } = await connected();
    await withProject(server);
    for (let n = 1; n <= 11; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- ids in order
      await withOrder(server);
    }
    for (const [id, state] of [
      ["demo-2", "idle"],
      ["demo-3", "active"],
      ["demo-11", "waiting_input"],
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await server.request("POST", `/sessions/${id}/activity`, { state });
    }
    await server.request("POST", "/sessions/demo-4/kill");
    await expect.poll(async () => (await ao(["notices"])).out).toContain("demo-11-n1");
    const listed = async (...args: string[]): Promise<string[]> =>
      (await ao(["ls", ...args])).out
        .split("\n")
        .slice(1)
        .map((line) => line.trim().replace(/^! +/, "!").split(" ")[0] ?? "");
    const order = ["!demo-11", ...[1, 3, 5, 6, 7, 8, 9, 10, 2].map((n) => `demo-${n}`)];
    expect(await listed()).toEqual(order);
    expect(await listed("--all")).toEqual([...order, "demo-4"]);
    expect(await listed("--status", "needs_input")).toEqual(["!demo-11"]);
    expect(await json(["ls", "--status", "idle"])).toMatchObject({ sessions: [{ id: "demo-2" }] });
    expect((await ao(["ls", "--status", "odd"])).code).toBe(2);
  });

  it("sends a file, or standard input, without what a terminal would obey", async () => {
    const { ao, server, home } = await connected();
    await withProject(server);
    await withSession(server);
    writeFileSync(join(home, "note.md"), "from a\tfile\r\n\u001b[201~next");
    expect(await ao(["send", "demo-1", "--file", join(home, "note.md"), "--wait"])).toMatchObject({
      code: 0,
      out: "delivered",
    });
    expect((await ao(["send", "demo-1", "-", "--wait"], { input: "from a pipe" })).code).toBe(0);
    const typed = server.outside.panes.get("demo-1")?.typed ?? new Map();
    expect([...typed.values()]).toEqual(["from a\tfile\n[201~next", "from a pipe"]);
  });

  it.each([
    { title: "neither text nor file", args: [] },
    { title: "both", args: ["text", "--file", "-"] },
    { title: "a file that is not there", args: ["--file", "/nowhere/note.md"] },
    { title: "nothing but control characters", args: ["\u001b\u0007"] },
  ])("sends nothing of $title", async ({ args }) => {
    const { ao, server } = await connected();
    await withProject(server);
    await withSession(server);
    expect(await ao(["send", "demo-1", ...args])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^ao: .+ \(MALFORMED\); see: /),
    });
    expect(server.outside.panes.get("demo-1")?.typed.size).toBe(0);
  });

  it.each([
    { title: "a project in no folder", args: ["project", "add", ""] },
    { title: "a backup into no folder", args: ["backup", " "] },
    { title: "a plan without a slice", args: ["objective", "plan", "demo-o1"] },
  ])("takes no empty word for something that was meant: $title", async ({ args }) => {
    const { ao, server } = await connected();
    expect(await ao(args)).toMatchObject({ code: 2, err: expect.stringContaining("MALFORMED") });
    expect((await server.request("GET", "/projects")).body.projects).toEqual([]);
  });

  it("ends with 124 when a message still waits, and with 1 when it never will be read (S1)", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    await withSession(server);
    await server.request("POST", "/sessions/demo-1/activity", { state: "blocked" });
    await expect.poll(async () => (await ao(["ls"])).out).toContain("stuck");
    expect(await ao(["send", "demo-1", "hello", "--wait", "--timeout", "0"])).toMatchObject({
      code: 124,
      out: "queued",
      err: expect.stringMatching(/^ao: not in time, and it goes on; .*ao show demo-1$/),
    });
    const waiting = ao(["send", "demo-1", "again", "--wait"]);
    await expect
      .poll(
        async () => (await server.request("GET", "/sessions/demo-1/messages")).body.messages.length,
      )
      .toBe(2);
    await ao(["kill", "demo-1"]);
    expect(await waiting).toMatchObject({
      code: 1,
      out: "undeliverable: the session has ended",
    });
  });

  it("shows a pull request with what its checks printed", async () => {
    const { ao, server } = await connected();
    server.outside.failing.add("test");
    await ao([
      "project",
      "add",
      "/repositories/demo",
      "--command",
      "true",
      "--check",
      "test=false",
    ]);
    server.outside.heads.set("topic", "1".repeat(40));
    await ao(["pr", "open", "demo", "--title", "Mend it", "--head", "topic"]);
    await ao(["pr", "comment", "demo", "1", "Why\u001b?", "--path", "a.ts", "--line", "3"]);
    await expect
      .poll(async () => (await ao(["pr", "show", "demo", "1"])).out)
      .toContain("test fails");
    const { out } = await ao(["pr", "show", "demo", "1"]);
    expect(out.split("\n")).toEqual(
      expect.arrayContaining([
        "#1 Mend it: open",
        expect.stringMatching(/^branch +topic → main$/),
        "test fails",
        "  test is broken",
        "owner on a.ts:3: Why ?",
      ]),
    );
    expect((await ao(["pr", "show", "demo", "9"])).err).toContain("ao pr ls demo");
  });

  it("shows what a person should know until it is taken note of", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    await withSession(server);
    await ao(["observe", "activity", "demo-1", '{"state":"waiting_input"}']);
    await expect.poll(async () => (await ao(["notices"])).out).toContain("demo-1 needs input");
    const { out } = await ao([
      "watch",
      "--after",
      "0",
      "--address",
      "session/demo-1",
      "--limit",
      "5",
    ]);
    expect(out).toContain("! urgent: demo-1 needs input (ao notices ack demo-1-n1)");
    expect((await ao(["notices", "ack", "demo-1-n1"])).out).toBe("demo-1-n1: seen");
    expect((await ao(["notices"])).out).toBe("nothing that you should know");
    expect((await ao(["notices", "--all"])).out).toMatch(/^demo-1-n1 +urgent +seen/m);
    expect(await ao(["notices", "ack", "demo-1-n9"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("ao notices --all"),
    });
  });

  it("shows no control characters that somebody else wrote", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    await ao(["spawn", "demo", "Do it.", "--title", "\u001b[2Jgone\nnext"]);
    const { out } = await ao(["ls"]);
    // oxlint-disable-next-line no-control-regex -- looked for
    expect([/\u001b/.test(out), out.split("\n").length]).toEqual([false, 2]);
  });
});

describe("what goes wrong", () => {
  it.each([
    { title: "an unknown command", args: ["dance"], code: 2 },
    { title: "an unknown option", args: ["ls", "--odd"], code: 2 },
    {
      title: "a number of a pull request that is none",
      args: ["pr", "claim", "a-1", "x"],
      code: 2,
    },
    { title: "a missing argument", args: ["show"], code: 2 },
    { title: "one argument too many", args: ["show", "a", "b"], code: 2 },
    { title: "a group without a command", args: ["pr"], code: 2 },
    { title: "a choice that is none", args: ["kill", "a", "--kind", "odd"], code: 2 },
    { title: "a number that is none", args: ["logs", "a", "-n", "many"], code: 2 },
    {
      title: "an observation that is not JSON",
      args: ["observe", "activity", "demo-1", "{"],
      code: 2,
    },
    { title: "a lane that is none", args: ["observe", "odd", "demo-1", "{}"], code: 2 },
    { title: "an address that is none", args: ["actor", "session/"], code: 2 },
    { title: "an id that is none", args: ["show", "a.b"], code: 2 },
    { title: "a path in place of an id", args: ["show", "../../x"], code: 2 },
    {
      title: "a check without a command",
      args: ["project", "add", ".", "--check", "test"],
      code: 2,
    },
    { title: "a shell that is unknown", args: ["completion", "tcsh"], code: 2 },
    { title: "a report for nobody", args: ["report", "--summary", "x"], code: 2 },
    { title: "no such session", args: ["show", "nobody"], code: 1 },
    { title: "no such cause", args: ["why", "nothing"], code: 1 },
    { title: "no such project", args: ["spawn", "nobody", "x"], code: 1 },
    { title: "a second daemon", args: ["up"], code: 1 },
  ])("ends with $code and one line for $title (C1)", async ({ args, code }) => {
    const { ao, server } = await connected();
    await withProject(server);
    const said = await ao(args);
    expect([said.code, said.out, said.err.trimEnd().split("\n")]).toEqual([
      code,
      "",
      [expect.stringMatching(/^ao: .+/)],
    ]);
  });

  it.each([
    { args: ["lss"], help: "ao" },
    { args: ["ls", "--odd"], help: "ao ls" },
    { args: ["pr"], help: "ao pr" },
    { args: ["pr", "odd"], help: "ao pr" },
    { args: ["pr", "open"], help: "ao pr open" },
    { args: ["review", "execute", "--odd"], help: "ao review trigger" },
    { args: ["dead", "retry"], help: "ao dead retry" },
    { args: ["send", "demo-1"], help: "ao send" },
  ])("points to the help of what was meant: $args", async ({ args, help }) => {
    const { err } = await commandLine().ao(args);
    expect(err).toMatch(new RegExp(`; see: ${help} --help$`));
  });

  it.each([
    { title: "a file", home: "file" },
    { title: "inside a file", home: "file/deep" },
    { title: "where nobody can make one", home: "/proc/ao" },
  ])("says what is wrong with a home that is $title, and names AO_HOME", async ({ home }) => {
    const folder = tempFolder();
    writeFileSync(join(folder, "file"), "");
    const { ao } = commandLine(resolve(folder, home));
    const started = await ao(["up", "--detach"]);
    const kept = await ao(["report", "--summary", "Done.", "--session", "demo-1"]);
    expect([started, kept].map(({ code, out }) => [code, out])).toEqual([
      [1, ""],
      [1, ""],
    ]);
    expect(started.err).toMatch(
      /^ao: .+ AO_HOME \(CONFIG_INVALID\); see what is wrong: ao doctor$/,
    );
    expect(kept.err).toMatch(
      /^ao: .+ AO_HOME( names)? \((CONFIG_INVALID|DAEMON_DOWN)\); s.+: ao (doctor|up --detach)$/,
    );
  });

  it("has the doctor say that the home is a file, and look no further", async () => {
    const file = join(tempFolder(), "file");
    writeFileSync(file, "");
    const { code, out } = await commandLine(file).ao(["doctor"]);
    const lines = out.split("\n");
    expect([code, lines.some((line) => line.includes("daemon"))]).toEqual([1, false]);
    expect(lines.filter((line) => /home|AO_HOME/.test(line))).toEqual([
      `wrong home         ${file} is a file, not a folder`,
      '      mend it with: export AO_HOME="$HOME/.ao"',
    ]);
  });

  it("keeps no report for later that says nothing", async () => {
    const { ao } = commandLine();
    const said = await ao(["report", "--session", "demo-1", "--summary", " "]);
    expect([said.code, said.out, said.err]).toEqual([2, "", expect.stringMatching(/--summary/)]);
  });

  it("says that the daemon is down, and how to start it", async () => {
    const { ao } = commandLine();
    const said = await ao(["ls"]);
    expect([said.code, said.out]).toEqual([1, ""]);
    expect(said.err).toMatch(
      /^ao: no daemon runs for .* \(DAEMON_DOWN\); start it with: ao up --detach$/,
    );
    expect((await ao(["down"])).code).toBe(0);
    expect((await ao(["status"])).code).toBe(1);
  });

  it.each(CHART_FORMATS)("shows a machine as %s without a daemon, as one would", async (format) => {
    const server = await served();
    const { body } = await server.request("GET", `/machines/terminal?format=${format}`);
    const { out, err } = await commandLine().ao(["machine", "terminal", "--format", format]);
    const isText = typeof body === "string";
    expect([isText ? out : JSON.parse(out), err]).toEqual([isText ? body.trimEnd() : body, ""]);
  });

  it("names the machines there are to one who asks for another", async () => {
    const { code, err } = await commandLine().ao(["machine", "sesion"]);
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/did you mean session\? .*objective, session.+KIND_UNKNOWN/),
    ]);
  });

  it.each(["", "{", "[]"])("names a run.json that is '%s', and the next step", async (text) => {
    const { ao, home } = commandLine();
    writeFileSync(join(home, "run.json"), text);
    const next = "have it written anew with: ao down && ao up --detach";
    const damaged = `${join(home, "run.json")} is damaged, no daemon is found`;
    const said = await ao(["ls"]);
    expect([said.code, said.err]).toEqual([1, `ao: ${damaged} for ${home} (DAEMON_DOWN); ${next}`]);
    const stands = await ao(["status"]);
    expect([stands.code, stands.out]).toEqual([1, `${damaged}; ${next}`]);
  });

  it("says it when run.json was left by a daemon that is gone", async () => {
    const line = await connected();
    await line.server.app.close();
    const said = await line.ao(["ls"]);
    expect([said.code, said.err]).toEqual([1, expect.stringContaining("DAEMON_DOWN")]);
  });
});
