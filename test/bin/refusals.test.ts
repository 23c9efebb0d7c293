import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it, onTestFinished, vi } from "vitest";
import { failureLine } from "../../bin/cli/exit.ts";
import { unanswered } from "../../bin/cli/client.ts";
import { watch } from "../../bin/commands/watch.ts";
import { AO, commandLine, connected, pointTo } from "../support/command-line.ts";
import { tempFolder } from "../support/folder.ts";
import { served, withProject, withSession } from "../support/http.ts";

// What a person reads who asked for something that cannot be: one line, of what was wrong in their own words, and of what
// to do next.

it("says of a disk that takes no more what it is, whoever was told of it", () => {
  const error = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  expect(failureLine(error, "ao up")).toBe(
    "ao: ENOSPC: no space left on device (STORE_FULL); make room, then look: ao doctor",
  );
  expect(failureLine(new Error("a\nb"), "ao up")).toBe("ao: a b");
  const gone = Object.assign(new Error("process.cwd failed"), {
    code: "ENOENT",
    syscall: "uv_cwd",
  });
  expect(failureLine(gone, "ao project add")).toBe(
    "ao: the folder in which this was called was removed (FOLDER_INVALID); cd to another one",
  );
});

it("tells a daemon that hangs from one that is not there", () => {
  const late = new Error("The operation was aborted", {
    cause: new DOMException("", "TimeoutError"),
  });
  expect(failureLine(unanswered("http://x/y", late), "ao ls")).toBe(
    "ao: ask http://x/y: the daemon does not answer in time, it may hang (DAEMON_DOWN); see what is wrong: ao doctor; a new start: ao down && ao up --detach",
  );
  expect(failureLine(unanswered("http://x/y", new Error("ECONNREFUSED")), "ao ls")).toBe(
    "ao: ask http://x/y: ECONNREFUSED (DAEMON_DOWN); start it with: ao up --detach",
  );
});

it.each([
  { settings: { nats: { url: "a..b" } }, seen: "connect to NATS at a..b:4222: no such host" },
  { settings: { nats: { url: "http://x" } }, seen: "expected nats://host:port" },
  { settings: { http: { host: "192.0.2.1", port: 0 } }, seen: "no address of this machine" },
])("says at once that $settings is nothing to start with", async ({ settings, seen }) => {
  const { ao, home } = commandLine();
  writeFileSync(join(home, "config.json"), JSON.stringify(settings));
  const { code, out, err } = await ao(["up"]);
  const last = err.split("\n").at(-1) ?? "";
  expect([code, out]).toEqual([1, ""]);
  expect(last).toMatch(/^ao: .+ \(CONFIG_INVALID\); see what is wrong: ao doctor$/);
  expect(last).toContain(seen);
});

it("says in one line why a daemon does not start in the background", async () => {
  const { ao, home } = commandLine();
  writeFileSync(join(home, "config.json"), "[]");
  expect(await ao(["up", "--detach"])).toEqual({
    code: 1,
    out: "",
    err: expect.stringMatching(/^ao: read \S+config\.json: .+ \(CONFIG_INVALID\); .+$/) as unknown,
  });
});

it("says why as JSON to who asked for JSON", async () => {
  const { ao } = commandLine();
  const { code, out, err } = await ao(["ls", "--json"]);
  const told = { code: "DAEMON_DOWN", next: "start it with: ao up --detach" };
  expect([code, out, JSON.parse(err)]).toMatchObject([1, "", told]);
  const usage = { message: "unknown option '--nope'", next: "see: ao ls --help" };
  expect(JSON.parse((await ao(["ls", "--json", "--nope"])).err)).toMatchObject(usage);
  expect((await ao(["spawn", "demo", "--nope", "--", "cmd", "--json"])).err).toMatch(/^ao: /);
});

it("fails in one line when nothing takes the answer", async () => {
  const file = join(tempFolder(), "out");
  writeFileSync(file, "");
  const reading = 'exec "$0" "$1" --version 1<"$2"';
  const argv = ["-c", reading, process.execPath, AO, file];
  const ran = await execa("sh", argv, { reject: false });
  expect(ran.exitCode).toBe(1);
  expect(ran.stderr).toMatch(/^ao: the answer could not be written: EBADF\b.*$/);
});

it("says that the daemon is of another version, of what may come of that", async () => {
  const server = await served();
  const { ao, home } = commandLine();
  pointTo(home, await server.app.listen({ port: 0, host: "127.0.0.1" }), "0.0.1");
  const line = / \(MALFORMED\); .*; the daemon is of version 0\.0\.1, this of .*: ao down && ao up/;
  expect((await ao(["actors", "--limit", "0"])).err).toMatch(line);
  expect((await ao(["show", "nobody"])).err).not.toContain("version");
  expect((await ao(["doctor"])).out).toMatch(
    /^wrong daemon +of version 0\.0\.0, while this ao is of/m,
  );
});

it("lists with notices that there are questions, listed elsewhere", async () => {
  const { ao, server } = await connected();
  await withProject(server);
  await server.request("POST", "/objectives", { projectId: "demo", prompt: "Build it." });
  expect((await ao(["notices"])).out).toBe("nothing that you should know");
  await server.request("POST", "/objectives/demo-o1/ask", { question: "Which colour?" });
  expect((await ao(["notices"])).out).toBe(
    "no notices\n1 open question of objectives: ao question ls",
  );
  expect(await ao(["notices", "ack", "demo-o1-q1"])).toMatchObject({
    code: 2,
    err: expect.stringContaining(
      "it is a question: ao question answer demo-o1-q1 <answer>",
    ) as unknown,
  });
});

it("names what was typed, what was expected, and what to do next", async () => {
  const { ao, server, home } = await connected({ attach: () => ["false"] });
  await withProject(server);
  await withSession(server);
  const wrong = join(home, "wrong.json");
  writeFileSync(wrong, JSON.stringify({ wroker: {} }));
  const rows: readonly (readonly [code: number, line: string, ...args: string[]])[] = [
    [
      2,
      "--limit: expected at least 1 (MALFORMED); see: ao actors --help",
      "actors",
      "--limit",
      "0",
    ],
    [
      2,
      "--limit: expected at most 1000 (MALFORMED); see: ao actors --help",
      "actors",
      "--limit",
      "9999",
    ],
    [2, "number: expected a number (MALFORMED); see: ao pr show --help", "pr", "show", "demo", "x"],
    [
      2,
      "state: expected one of active, ready, idle, waiting_input, blocked, exited (MALFORMED); see: ao observe --help",
      "observe",
      "activity",
      "demo-1",
      "{}",
    ],
    [
      2,
      "--address: expected kind/id, for example session/app-1 (MALFORMED); see: ao watch --help",
      "watch",
      "--address",
      "nobody",
    ],
    [
      2,
      "title: expected at most 1000 characters (MALFORMED); see: ao spawn --help",
      "spawn",
      "demo",
      "x",
      "--title",
      "x".repeat(1_001),
    ],
    [
      2,
      "read ..: that is a folder, and no name of anything (MALFORMED); see: ao project rm --help",
      "project",
      "rm",
      "..",
    ],
    [
      2,
      `'/api/v1/sessions/${"x".repeat(42)}… is exceeding the max param length (MALFORMED); see: ao show --help`,
      "show",
      "x".repeat(10_000),
    ],
    [
      1,
      "lift the limit of harness claude: did you mean claude-code? known are command, claude-code, codex, opencode, aider (HARNESS_UNKNOWN); name one of these",
      "host",
      "lift",
      "claude",
    ],
    [
      1,
      "there is no session/nobody (ACTOR_UNKNOWN); see what there is: ao ls --all",
      "show",
      "nobody",
    ],
    [
      1,
      "there is no project/nobody (ACTOR_UNKNOWN); see what there is: ao project ls",
      "pr",
      "ls",
      "nobody",
    ],
    [
      1,
      "there is no objective/nobody (ACTOR_UNKNOWN); see what there is: ao objective ls --all",
      "objective",
      "show",
      "nobody",
    ],
    [
      1,
      "there is no question/nobody (ACTOR_UNKNOWN); see what there is: ao question ls --all",
      "question",
      "dismiss",
      "nobody",
    ],
    [
      1,
      "there is no forge/nobody (ACTOR_UNKNOWN); see what there is: ao actors",
      "actor",
      "forge/nobody",
    ],
    [2, "unknown command 'nobody'; see: ao --help", "help", "nobody"],
    [2, "unknown command 'nobody'; see: ao pr --help", "pr", "help", "nobody"],
    [2, "which command? none was given; see: ao pr --help", "pr"],
    [
      2,
      "option '-n, --lines <n>' argument 'x' is invalid. Expected a number; see: ao logs --help",
      "logs",
      "demo-1",
      "--lines",
      "x",
    ],
    [
      2,
      "attach to demo-1: this is no terminal; read it with: ao logs demo-1, or write to it with: ao send demo-1 (MALFORMED); see: ao attach --help",
      "attach",
      "demo-1",
    ],
    [
      2,
      "listen on port 65536: the last one is 65535 (MALFORMED); see: ao inspect --help",
      "inspect",
      "--port",
      "65536",
    ],
    [
      2,
      `read ${home}: it is a folder (MALFORMED); see: ao send --help`,
      "send",
      "demo-1",
      "--file",
      home,
    ],
    [
      2,
      "complete for bash: nothing follows a shell, not extra (MALFORMED); see: ao completion --help",
      "completion",
      "bash",
      "extra",
    ],
    [
      2,
      `read ${home}/none: there is no such file (MALFORMED); see: ao project config --help`,
      "project",
      "config",
      "demo",
      "--set",
      `${home}/none`,
    ],
    [
      2,
      "unknown key wroker (did you mean worker?); known are worker, manager, reviewers, checks, env, autoReview, mergeOnGreen, quotaPause (MALFORMED); see: ao project config --help",
      "project",
      "config",
      "demo",
      "--set",
      wrong,
    ],
    [
      1,
      "session/demo-1 has no step 99, or it was pruned (SEQ_UNKNOWN); see its steps: ao actor session/demo-1 --journal",
      "actor",
      "session/demo-1",
      "--at",
      "99",
    ],
    [
      2,
      "--kind: did you mean session? expected one of project, objective, session, terminal, workspace, forge, review, question, supervisor, collector (MALFORMED); see: ao actors --help",
      "actors",
      "--kind",
      "sesion",
    ],
    [
      1,
      "drop what is kept of nobody: nothing is (ACTOR_UNKNOWN); see what is kept: ao cleanup --dry-run",
      "cleanup",
      "--preserved",
      "nobody",
    ],
  ];
  const said = await Promise.all(rows.map(async ([, , ...args]) => ao(args)));
  expect(said).toEqual(rows.map(([code, line]) => ({ code, out: "", err: `ao: ${line}` })));
});

it("says once that what is watched is not there yet, and follows it when it comes", async () => {
  const { home, server } = await connected();
  await withProject(server);
  vi.stubEnv("AO_HOME", home);
  onTestFinished(() => void vi.unstubAllEnvs());
  const said: string[] = [];
  const note = (line: string): void => void said.push(line);
  const write = (text: string): void => void said.push(text.split(" ")[3] ?? "");
  const output = { isJson: false, width: undefined, hasColour: false, write, note };
  const options = { address: "session/demo-1", after: 0, limit: 1 };
  const watching = watch(output, options);
  await expect.poll(() => said).toEqual(["ao: there is no session/demo-1 yet; waiting for it"]);
  await withSession(server);
  await watching;
  await watch(output, options);
  expect(said.slice(1)).toEqual(["session.start", "session.start"]);
});
