import { createHmac } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { notices, type Notices } from "../../../adapters/notice/notices.ts";
import type { Notice } from "../../../adapters/notice/ledger.ts";
import { EFFECTS } from "../../../machines/effects.ts";
import { Settings } from "../../../machines/settings.ts";
import { tempFolder } from "../../support/folder.ts";

interface Scene {
  readonly home: string;
  readonly log: string[];
  /** Tells it; `attempt` is 1 for the first. */
  tell(told: Notice, attempt?: number): ReturnType<Notices["notifyPerson"]>;
  toldOf: Notices["toldOf"];
  /** As a daemon that was killed begins again. */
  restart(): void;
  /** Moves the clock. */
  pass(ms: number): void;
}

function scene(notify: object, home = tempFolder()): Scene {
  const { notify: settings } = Settings.parse({ notify });
  const log: string[] = [];
  let at = 1_000_000;
  const made = (): Notices =>
    notices({ home, settings, log: (line) => log.push(line), now: () => at });
  let current = made();
  return {
    home,
    log,
    tell: async (told, attempt = 1) =>
      current.notifyPerson(told, {
        effectId: "e",
        orderedAt: 0,
        attempt,
        signal: new AbortController().signal,
      }),
    toldOf: (id) => current.toldOf(id),
    restart: () => {
      current = made();
    },
    pass: (ms) => {
      at += ms;
    },
  };
}

function notice(n = 1, more: Partial<Notice> = {}): Notice {
  return {
    noticeId: `mer-1-n${n}`,
    sessionId: "mer-1",
    projectId: "mer",
    type: "agent-needs-input",
    priority: "urgent",
    title: "mer-1 needs input",
    text: "may I?",
    about: "",
    at: 5,
    ...more,
  };
}

/** A program that writes down what it is told, then does what `end` says. */
function program(end = "exit 0"): { argv: string[]; told: () => string[] } {
  const folder = tempFolder();
  const file = join(folder, "told");
  const script = join(folder, "tell.sh");
  writeFileSync(
    script,
    `#!/bin/sh\nprintf '%s %s %s %s\\n' "$AO_NOTICE_ID" "$AO_NOTICE_PRIORITY" "$1" "$(cat)" >> ${file}\n${end}\n`,
    { mode: 0o755 },
  );
  return {
    argv: [script, "first"],
    told: () => (existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : []),
  };
}

interface Post {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** An address that writes down what is posted, and answers each post with the next status. */
async function address(...statuses: readonly number[]): Promise<{ url: string; posts: Post[] }> {
  const posts: Post[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const status = statuses[posts.length] ?? statuses.at(-1) ?? 200;
      posts.push({ headers: request.headers, body });
      if (status === 0) return;
      response.writeHead(status, { location: "/elsewhere" }).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server that listens on TCP
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook`, posts };
}

const LAST = EFFECTS.notifyPerson.attempts;

describe("a notice", () => {
  it("orcha-232: is told by the log when nothing is set up", async () => {
    const here = scene({});
    expect(await here.tell(notice())).toMatchObject({ ways: ["log"], failed: [], isHeld: false });
    expect(here.log).toEqual(["notice mer-1-n1 (urgent): mer-1 needs input: may I?"]);
    expect(here.toldOf("mer-1-n1")).toBeUndefined();
  });

  it("reaches a program as JSON and as variables, with its own arguments", async () => {
    const { argv, told } = program();
    const here = scene({ command: argv });
    expect(await here.tell(notice())).toMatchObject({ ways: ["log", "command"] });
    const [line = ""] = told();
    expect(line).toMatch(/^mer-1-n1 urgent first \{/);
    expect(JSON.parse(line.slice(line.indexOf("{")))).toEqual({ ...notice(), heldBefore: 0 });
  });

  it("reaches an address, signed, under its id", async () => {
    const { url, posts } = await address(200);
    const secret = "a secret of some length";
    const here = scene({ webhook: url, secret });
    expect(await here.tell(notice())).toMatchObject({ ways: ["log", "webhook"] });
    const [post] = posts;
    const sum = createHmac("sha256", secret).update(`1000000.${post?.body}`).digest("hex");
    expect(post?.headers).toMatchObject({
      "content-type": "application/json",
      "idempotency-key": "mer-1-n1",
      "ao-timestamp": "1000000",
      "ao-signature": `sha256=${sum}`,
    });
    expect(JSON.parse(post?.body ?? "")).toMatchObject({ title: "mer-1 needs input" });
  });

  it("is told once in each way, also by the next daemon (P1)", async () => {
    const { argv, told } = program();
    const { url, posts } = await address(500, 200);
    const here = scene({ command: argv, webhook: url });
    await expect(here.tell(notice())).rejects.toMatchObject({ code: "NOTIFY_FAILED" });
    here.restart();
    expect(await here.tell(notice(), 2)).toMatchObject({ ways: ["log", "command", "webhook"] });
    here.restart();
    expect(await here.tell(notice(), 2)).toMatchObject({ ways: ["log", "command", "webhook"] });
    expect([told().length, posts.length]).toEqual([1, 2]);
  });

  it("is told although it holds what no variable can", async () => {
    const { argv, told } = program();
    const here = scene({ command: argv });
    await here.tell(notice(1, { title: "a\0b" }));
    expect(told()).toHaveLength(1);
  });

  it.each([
    { title: "orcha-231: another type", notify: { types: ["escalated"] } },
    { title: "a higher priority", notify: { minPriority: "urgent" }, more: { priority: "action" } },
  ] as const)("goes to the log only when $title is asked for (P4)", async ({ notify, ...row }) => {
    const { argv, told } = program();
    const here = scene({ command: argv, ...notify });
    const asked = notice(1, "more" in row ? row.more : {});
    expect(await here.tell(asked)).toMatchObject({ ways: ["log"] });
    expect([told(), here.log.length]).toEqual([[], 1]);
  });
});

describe("a way that fails", () => {
  it.each([
    { title: "exits with 3", end: "echo broken >&2; exit 3", seen: /exited with 3: broken$/ },
    { title: "is killed", end: "kill -9 $$", seen: /was ended by SIGKILL$/ },
    {
      title: "takes too long",
      end: "sleep 60",
      seen: /not done after 2000 ms, so it was ended$/,
      deadlineMs: 2_000,
    },
  ])(
    "is tried again, then given up, when its program $title (P2)",
    async ({ end, seen, deadlineMs }) => {
      const { argv, told } = program(end);
      const here = scene({ command: argv, ...(deadlineMs !== undefined && { deadlineMs }) });
      await expect(here.tell(notice())).rejects.toMatchObject({ code: "NOTIFY_FAILED" });
      const given = await here.tell(notice(), LAST);
      expect(given).toMatchObject({ ways: ["log"], failed: [{ way: "command" }] });
      expect(given.failed[0]?.message).toMatch(seen);
      expect(here.toldOf("mer-1-n1")?.failed).toEqual(given.failed);
      expect(told()).toHaveLength(2);
    },
  );

  it.each([
    {
      title: "a program that is not there",
      notify: { command: ["/nowhere/tell"] },
      seen: /ENOENT/,
    },
    { title: "an answer of 404", statuses: [404], seen: /answered 404$/ },
    { title: "a redirect", statuses: [302], seen: /answered 302$/ },
  ])("is given up at once for $title (Y3)", async ({ notify, statuses, seen }) => {
    const { url, posts } = await address(...(statuses ?? [200]));
    const here = scene(notify ?? { webhook: url });
    const { failed } = await here.tell(notice());
    expect(failed[0]?.message).toMatch(seen);
    expect(posts.length).toBe(statuses?.length ?? 0);
  });

  it.each([
    { title: "an answer of 500", statuses: [500] },
    { title: "an answer of 429", statuses: [429] },
    { title: "silence", statuses: [0] },
  ])("is tried again for $title", async ({ statuses }) => {
    const { url } = await address(...statuses);
    const here = scene({ webhook: url, deadlineMs: 200 });
    await expect(here.tell(notice())).rejects.toMatchObject({ code: "NOTIFY_FAILED" });
  });

  it("costs each later notice one try, until one succeeds (P3)", async () => {
    const { url, posts } = await address(500, 500, 200, 500);
    const here = scene({ webhook: url });
    await here.tell(notice(1), LAST);
    expect(await here.tell(notice(2))).toMatchObject({ failed: [{ way: "webhook" }] });
    expect(await here.tell(notice(3))).toMatchObject({ ways: ["log", "webhook"] });
    here.pass(700_000);
    await expect(here.tell(notice(4))).rejects.toMatchObject({ code: "NOTIFY_FAILED" });
    expect(posts.length).toBe(4);
  });

  it("keeps no other way from telling", async () => {
    const { argv, told } = program();
    const { url } = await address(500);
    const here = scene({ command: ["/nowhere/tell"], webhook: url });
    expect(await here.tell(notice(), LAST)).toMatchObject({
      failed: [{ way: "command" }, { way: "webhook" }],
    });
    const both = scene({ command: argv, webhook: url });
    expect(await both.tell(notice(), LAST)).toMatchObject({
      ways: ["log", "command"],
      failed: [{ way: "webhook" }],
    });
    expect(told()).toHaveLength(1);
  });
});

describe("a session that flaps", () => {
  it("is told so often within a period, whatever is restarted, and counted after it (N2)", async () => {
    const { argv, told } = program();
    const here = scene({ command: argv, burst: 2, periodMs: 60_000 });
    const ids = [1, 2, 3, 4];
    for (const n of ids) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, as they happen
      expect((await here.tell(notice(n))).isHeld).toBe(n > 2);
      here.restart();
    }
    // Another type, and another session, are told.
    await here.tell(notice(5, { type: "agent-stuck" }));
    await here.tell(notice(6, { sessionId: "mer-2" }));
    here.pass(60_000);
    await here.tell(notice(7));
    expect(
      told().map((line) => [line.split(" ")[0], /"heldBefore":(\d+)/.exec(line)?.[1]]),
    ).toEqual([
      ["mer-1-n1", "0"],
      ["mer-1-n2", "0"],
      ["mer-1-n5", "0"],
      ["mer-1-n6", "0"],
      ["mer-1-n7", "2"],
    ]);
    expect(here.log).toHaveLength(7);
  });

  it("is one of many: of one type no more than so many of all sessions are told (N2)", async () => {
    const { argv, told } = program();
    const here = scene({ command: argv, burst: 5, burstAll: 3 });
    for (const n of [1, 2, 3, 4]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, as they happen
      await here.tell(notice(n, { sessionId: `mer-${n}` }));
    }
    expect(told()).toHaveLength(3);
  });

  it("keeps back no notice about several, which counts for none of them (N2)", async () => {
    const { argv, told } = program();
    const here = scene({ command: argv, burst: 1, burstAll: 4 });
    const several = { sessionIds: ["mer-1", "mer-2"] };
    const rows = [
      notice(1),
      notice(2, { ...several, noticeId: "supervisor-outage-n1" }),
      notice(3, { ...several, noticeId: "supervisor-outage-n2", sessionId: "mer-2" }),
      notice(4, { sessionId: "mer-2" }),
      // Of all sessions together there were four.
      notice(5, { ...several, noticeId: "supervisor-outage-n3" }),
    ];
    for (const row of rows) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, as they happen
      expect((await here.tell(row)).isHeld).toBe(row === rows.at(-1));
    }
    expect(told()).toHaveLength(4);
  });

  it("is held back no longer because the clock was set back", async () => {
    const { argv, told } = program();
    const here = scene({ command: argv, burst: 1, periodMs: 60_000 });
    await here.tell(notice(1));
    here.pass(-3_600_000);
    await here.tell(notice(2));
    expect(told()).toHaveLength(2);
  });

  it("leaves a ledger of 500, which may be damaged (N3)", async () => {
    const { argv, told } = program();
    const here = scene({ command: argv, burst: 1 });
    const file = join(here.home, "notices.json");
    await here.tell(notice(1));
    const { toldOf } = here;
    const many = Array.from({ length: 500 }, (_, n) => ({
      ...toldOf("mer-1-n1"),
      id: `mer-9-n${n}`,
    }));
    writeFileSync(file, JSON.stringify(many));
    here.restart();
    await here.tell(notice(2));
    expect(JSON.parse(readFileSync(file, "utf8"))).toHaveLength(500);
    writeFileSync(file, "{");
    here.restart();
    await here.tell(notice(3));
    expect(told()).toHaveLength(2);
  });
});

it.each([
  { title: "a plain address elsewhere", notify: { webhook: "http://example.org/hook" } },
  {
    title: "a name that only looks like loopback",
    notify: { webhook: "http://127.0.0.1.example.org" },
  },
  { title: "no address", notify: { webhook: "hook" } },
  { title: "a short secret", notify: { secret: "short" } },
  { title: "a type that is none", notify: { types: ["agent-odd"] } },
  { title: "an unknown key", notify: { odd: 1 } },
])("the settings refuse $title", ({ notify }) => {
  expect(Settings.safeParse({ notify }).success).toBe(false);
});

it.each([
  "https://example.org/hook",
  "http://localhost:8080/",
  "http://127.0.0.1:1/",
  "http://[::1]/",
])("the settings take %s", (webhook) => {
  expect(Settings.parse({ notify: { webhook } }).notify.webhook).toBe(webhook);
});
