import { request as httpRequest, type IncomingMessage } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import type { System } from "../../actors/system.ts";
import { Failure } from "../../machines/failures.ts";
import type { JournalEntry } from "../../storage/store.ts";
import {
  memorySystem,
  OWNER,
  served,
  withProject,
  withSession,
  type Served,
} from "../support/http.ts";
import { eventually } from "../support/eventually.ts";

interface Stream {
  readonly response: IncomingMessage;
  readonly ids: () => number[];
  readonly text: () => string;
  readonly isEnded: () => boolean;
}

async function follow(url: string, headers: Record<string, string> = {}): Promise<Stream> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest(
      url,
      { headers: { authorization: `Bearer ${OWNER}`, ...headers } },
      resolve,
    );
    request.on("error", reject);
    request.end();
  });
  onTestFinished(() => {
    response.destroy();
  });
  let text = "";
  let isEnded = false;
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => {
    text += chunk;
  });
  response.on("close", () => {
    isEnded = true;
  });
  response.on("error", () => {});
  const ids = (): number[] => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  return { response, ids, text: () => text, isEnded: () => isEnded };
}

async function listening(server: Served): Promise<string> {
  return `${await server.app.listen({ port: 0, host: "127.0.0.1" })}/api/v1/events`;
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** So many entries of `project/demo`, and no other. */
async function change(server: Served, times: number, note = "hello"): Promise<void> {
  const data = { config: { env: { NOTE: note } } };
  await Promise.all(
    Array.from({ length: times }, async () =>
      server.system.ask({ to: "project/demo", type: "project.configure", data }),
    ),
  );
}

/** A project with three entries in the log. */
async function begun(server: Served): Promise<void> {
  await withProject(server);
  await change(server, 2);
}

it("replays from the log and then follows, each entry once and in order (E1)", async () => {
  const server = await served();
  await begun(server);
  await change(server, 600);
  const stream = await follow(`${await listening(server)}?after=0`);
  await change(server, 100);
  await expect.poll(() => stream.ids().length).toBe(703);
  expect(stream.ids()).toEqual(upTo(703));
});

it("continues after the last id that was seen, without a gap (E1)", async () => {
  const server = await served();
  await begun(server);
  const url = await listening(server);
  const first = await follow(`${url}?after=0`);
  await expect.poll(() => first.ids()).toEqual([1, 2, 3]);
  first.response.destroy();
  await change(server, 5);
  const second = await follow(`${url}?after=0`, { "last-event-id": "3" });
  await expect.poll(() => second.ids()).toEqual(upTo(8, 4));
});

it("gives an entry once that it read from the log before it was told of it (E1)", async () => {
  const real = memorySystem();
  const onCommitted = real.onCommitted.bind(real);
  // Tells each batch together with the one before it, as if the reader of the log had been faster.
  const late: System["onCommitted"] = (listener) => {
    let before: readonly JournalEntry[] = [];
    return onCommitted((committed) => {
      listener({ ...committed, entries: [...before, ...committed.entries] });
      before = committed.entries;
    });
  };
  Object.defineProperty(real, "onCommitted", { value: late });
  const server = await served({ system: real });
  await begun(server);
  const stream = await follow(`${await listening(server)}?after=0`);
  for (const text of ["one", "two", "three"]) {
    // oxlint-disable-next-line no-await-in-loop -- each in a batch of its own
    await change(server, 1, text);
  }
  await expect.poll(() => stream.ids().at(-1)).toBe(6);
  expect(stream.ids()).toEqual(upTo(6));
});

it("tells what each step changed, and from what", async () => {
  const server = await served();
  await begun(server);
  const stream = await follow(await listening(server));
  await server.request("POST", "/projects/demo/pause");
  await expect.poll(() => stream.ids()).toEqual([4]);
  expect(stream.text()).toMatch(/"value":"paused","was":"registered"/);
});

it("keeps no more than an event waiting for a reader that is behind (E2)", async () => {
  const server = await served();
  await begun(server);
  await change(server, 40, "x".repeat(30_000));
  let most = 0;
  server.app.server.on("request", (_request, response) => {
    const write = response.write.bind(response);
    response.write = (text: string): boolean => {
      const canGoOn = write(text);
      most = Math.max(most, response.writableLength);
      return canGoOn;
    };
  });
  const stream = await follow(`${await listening(server)}?after=0`);
  await expect.poll(() => stream.ids()).toEqual(upTo(43));
  expect([most > 30_000, most < 128 * 1024]).toEqual([true, true]);
});

it("tells a reader for whom the log cannot be read so, ends it, reports it, and goes on (E5)", async () => {
  const told: unknown[] = [];
  const server = await served({ report: (error) => told.push(error) });
  await begun(server);
  const { store } = server.system;
  const log = store.log.bind(store);
  const damage = new Failure("STORE_DAMAGED", "read the log: a page is damaged");
  const broken = (): never => {
    throw damage;
  };
  Object.defineProperty(store, "log", { value: broken, configurable: true });
  const url = `${await listening(server)}?after=0`;
  const cut = await follow(url);
  await expect.poll(() => cut.isEnded()).toBe(true);
  expect(told).toEqual([damage]);
  expect(cut.text()).toMatch(
    /\n\nevent: error\ndata: \{"code":"STORE_DAMAGED","message":"read the log: a page is damaged","requestId":"[^"]+"\}\n\n$/,
  );
  Object.defineProperty(store, "log", { value: log });
  const stream = await follow(url);
  await expect.poll(() => stream.ids()).toEqual([1, 2, 3]);
});

it("ends the one answer whose step cannot be told, reports it, and no other reader hears of it (S2)", async () => {
  const real = memorySystem();
  const onCommitted = real.onCommitted.bind(real);
  const defect = new Error("a step that cannot be told");
  const untellable = (entry: JournalEntry): JournalEntry => ({
    ...entry,
    get orders(): never {
      throw defect;
    },
  });
  const broken: System["onCommitted"] = (listener) =>
    onCommitted(({ entries, ...rest }) => {
      const told = entries.map((each) =>
        each.address.startsWith("session/") ? untellable(each) : each,
      );
      listener({ ...rest, entries: told });
    });
  Object.defineProperty(real, "onCommitted", { value: broken });
  const reports: unknown[] = [];
  const server = await served({ system: real, report: (error) => reports.push(error) });
  await withProject(server);
  const url = await listening(server);
  const [ended, other] = [await follow(`${url}?kind=session`), await follow(`${url}?kind=project`)];
  await withSession(server);
  await expect.poll(() => ended.isEnded()).toBe(true);
  expect(ended.text()).toMatch(/^: follow\n\nevent: error\ndata: \{"code":"DEFECT",.*\}\n\n$/);
  expect(ended.text()).not.toContain("cannot be told");
  expect(reports).toEqual([defect]);
  await server.request("POST", "/projects/demo/pause");
  await expect.poll(() => other.text()).toMatch(/"value":"paused"/);
  expect(other.isEnded()).toBe(false);
});

it("orcha-334, S21: begins with now when no point is named", async () => {
  const server = await served();
  await begun(server);
  const stream = await follow(await listening(server));
  await change(server, 1);
  await expect.poll(() => stream.ids()).toEqual([4]);
});

it("gives only the entries of one actor when asked so", async () => {
  const server = await served();
  await withProject(server);
  await withSession(server);
  const stream = await follow(`${await listening(server)}?after=0&address=session/demo-1`);
  await expect.poll(() => stream.ids().length).toBe(3);
  expect(new Set(stream.text().match(/"address":"[^"]+"/g))).toEqual(
    new Set(['"address":"session/demo-1"']),
  );
  expect(stream.text()).toContain('"type":"session.start"');
});

it("cuts a reader off that stops reading, between two events, and lets it resume (E3)", async () => {
  const server = await served({ events: { bufferBytes: 64 * 1024, maxReaders: 1 } });
  await begun(server);
  const url = await listening(server);
  const slow = await follow(url);
  slow.response.pause();
  // More than the sockets between us hold; a reader that was cut off makes room for another.
  let sent = 0;
  await expect
    .poll(
      async () => {
        await change(server, 20, "x".repeat(30_000));
        sent += 20;
        const next = await follow(url);
        next.response.destroy();
        return next.response.statusCode;
      },
      { timeout: 20_000, interval: 1 },
    )
    .toBe(200);
  slow.response.resume();
  await expect.poll(() => slow.isEnded()).toBe(true);
  const seen = slow.ids();
  expect(seen).toEqual(upTo(3 + seen.length, 4));
  await change(server, 1);
  sent += 1;
  const resumed = await eventually(async () => {
    const stream = await follow(url, { "last-event-id": String(seen.at(-1)) });
    expect(stream.response.statusCode).toBe(200);
    return stream;
  });
  await expect.poll(() => resumed.ids().at(-1)).toBe(3 + sent);
  expect(resumed.ids()).toEqual(upTo(3 + sent, 4 + seen.length));
});

it("says where entries were pruned before it goes on (E4)", async () => {
  const server = await served();
  await begun(server);
  await change(server, 5);
  // As after a pruning: what is kept begins later.
  Object.defineProperty(server.system.store, "oldest", { value: () => 4 });
  const stream = await follow(`${await listening(server)}?after=0`);
  await expect.poll(() => stream.ids().at(-1)).toBe(8);
  expect(stream.text()).toMatch(/event: gap\ndata: \{"after":0,"oldest":4\}\n\n/);
});

it("refuses one reader too many, with a time to try again", async () => {
  const server = await served({ events: { maxReaders: 1 } });
  const url = await listening(server);
  await follow(url);
  const refused = await fetch(url, { headers: { authorization: `Bearer ${OWNER}` } });
  expect([refused.status, refused.headers.get("retry-after"), await refused.json()]).toMatchObject([
    429,
    "1",
    { code: "STREAMS_FULL" },
  ]);
});

it("has a connection of its own: to drop one that is not read drops nothing else (S5)", async () => {
  const server = await served();
  const { response } = await follow(await listening(server));
  expect(response.headers.connection).toBe("close");
});

it("says that it is there while nothing happens", async () => {
  const server = await served({ events: { heartbeatMs: 10 } });
  const stream = await follow(await listening(server));
  await expect.poll(() => stream.text()).toContain(": beat");
});

it("ends its streams when it closes", async () => {
  const server = await served();
  const stream = await follow(await listening(server));
  await server.app.close();
  await expect.poll(() => stream.isEnded()).toBe(true);
});

it("says that a point is none of this log, which a backup took the place of, and goes on (E4)", async () => {
  const server = await served();
  await begun(server);
  const stream = await follow(await listening(server), { "last-event-id": "90" });
  await expect.poll(stream.text).toMatch(/event: gap\ndata: \{"after":90,"oldest":4\}\n\n/);
  await change(server, 2);
  await expect.poll(stream.ids).toEqual([4, 5]);
});

it("names its store, by which a reader resumes where it was (PL1)", async () => {
  const server = await served({ generation: "g-2" });
  await begun(server);
  const url = await listening(server);
  const first = await follow(url);
  expect(first.response.headers["ao-store"]).toBe("g-2");
  await change(server, 2);
  const second = await follow(`${url}?store=g-2`, { "last-event-id": "3" });
  await expect.poll(second.ids).toEqual([4, 5]);
  expect(second.text()).not.toContain("gap");
});

it("says to a reader that resumes in another store that it missed steps, and goes on (E4, PL1)", async () => {
  const server = await served({ generation: "g-2" });
  await begun(server);
  const stream = await follow(`${await listening(server)}?store=g-1`, { "last-event-id": "1" });
  await change(server, 1);
  await expect.poll(stream.ids).toEqual([4]);
  const told = ': follow\n\nevent: gap\ndata: {"after":1,"oldest":4}\n\n';
  expect(stream.text().slice(0, told.length)).toBe(told);
});
