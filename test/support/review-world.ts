import { onTestFinished } from "vitest";
import type { App } from "../../http/edge.ts";
import { httpServer } from "../../http/server.ts";
import { reviewerTokens, sessionTokens } from "../../http/tokens.ts";
import type { Adapters } from "../../adapters/adapter.ts";
import type { Address } from "../../machines/ids.ts";
import type { JsonObject } from "../../machines/json.ts";
import type { ReviewContext } from "../../machines/review/record.ts";
import type { SessionContext } from "../../machines/session/record.ts";
import { kinds } from "../../machines/kinds.ts";
import type { PullRequestFacts } from "../../machines/observations.ts";
import { Settings } from "../../machines/settings.ts";
import type { ReviewRunView, ReviewsView } from "../../http/review/view.ts";
import { commitOf } from "../storage/rows.ts";
import { settle } from "./clock.ts";
import { outside, sha, type Outside } from "./outside.ts";
import { pullFacts } from "./pulls.ts";
import { World } from "./world.ts";

// Review world
//
// The real actors and routes over memory: one project, one worker, reviewers that do what a test tells them. Time moves
// by hand; a crash takes what was not durable.

const OWNER = "owner-token";
const WORKER = "demo-1";
export const HANDLE = `review-${WORKER}`;

export interface Answer<Body> {
  readonly status: number;
  readonly body: Body & { readonly code?: string; readonly message?: string };
}
export type TriggerBody = ReviewsView & {
  readonly created: boolean;
  readonly batchId: string | null;
  readonly skipped: readonly { readonly prUrl: string; readonly reason: string }[];
};
export type SubmitBody = { readonly review: ReviewRunView; readonly reviews: ReviewRunView[] };

/** Something that was done to a terminal, in order. */
export interface TerminalAct {
  readonly name: "launch" | "destroy" | "type";
  readonly terminal: string;
  readonly epoch: number;
}

export interface ReviewWorldOptions {
  readonly settings?: Record<string, object>;
  readonly reviewers?: readonly Record<string, unknown>[];
  readonly config?: Record<string, unknown>;
  readonly scm?: "none" | "local";
  /** Programs that are not there. */
  readonly missing?: readonly string[];
  /** Pull requests that are open from the beginning, by number; head commits are those of the number. */
  readonly pulls?: readonly number[];
  readonly worker?: Record<string, unknown>;
  /** Its worktree is never ready. */
  readonly heldWorkspace?: boolean;
}

export class ReviewWorld {
  readonly outside: Outside = outside();
  readonly acts: TerminalAct[] = [];
  readonly missing: Set<string>;
  readonly lookedFor: string[] = [];
  readonly world: World;
  readonly #pulls = new Map<number, PullRequestFacts>();
  #app: App | undefined;
  #config: Record<string, unknown>;

  private constructor(options: ReviewWorldOptions) {
    this.missing = new Set(options.missing);
    this.#config = {
      worker: options.worker ?? { harness: "command", command: ["true"] },
      reviewers: options.reviewers ?? [{ harness: "command", command: ["review"] }],
      ...options.config,
    };
    const settings = {
      ...options.settings,
      reviews: { backoffMs: 100, idleMs: 60_000, ...options.settings?.["reviews"] },
    };
    this.world = new World({
      settings,
      kinds: kinds(Settings.parse(settings)),
      adapters: this.#noted(this.outside.adapters),
    });
    onTestFinished(async () => {
      await this.#app?.close();
    });
  }

  /** A worker that runs, with its pull requests open. */
  static async with(options: ReviewWorldOptions = {}): Promise<ReviewWorld> {
    const it = new ReviewWorld(options);
    if (options.heldWorkspace === true) it.outside.hold("prepareWorkspace");
    const config = it.#config;
    await it.request("POST", "/projects", {
      id: "demo",
      path: "/repositories/demo",
      scm: options.scm ?? "none",
      config,
    });
    await it.request("POST", "/sessions", { projectId: "demo", prompt: "Do it." });
    await it.settle();
    for (const number of options.pulls ?? [1]) it.pull(number, { headSha: sha(number) });
    await it.tellPulls();
    return it;
  }

  /** The project's config, with this in it from now on. */
  async configure(change: Record<string, unknown>): Promise<void> {
    this.#config = { ...this.#config, ...change };
    await this.request("PUT", "/projects/demo/config", this.#config);
  }

  /** A pull request as it is from now on; told with `tellPulls`. */
  pull(number: number, change: Partial<PullRequestFacts> = {}): void {
    const known = this.#pulls.get(number);
    const facts = pullFacts({
      url: `https://forge.test/${number}`,
      number,
      title: `Change ${number}`,
      headSha: "",
      headRef: `topic-${number}`,
      ...known,
      ...change,
    });
    this.#pulls.set(number, facts);
  }

  async tellPulls(): Promise<void> {
    await this.observe("scm", { fetched: true, prs: [...this.#pulls.values()] });
  }

  /** A new head of a pull request, seen by the forge's probe. */
  async push(number: number, headSha: string): Promise<void> {
    this.pull(number, { headSha });
    await this.tellPulls();
  }

  async observe(lane: string, data: object, id: string = WORKER): Promise<void> {
    await this.world.publish(`ao.obs.${lane}.${id}`, data);
    await this.settle();
  }

  /** What the worker says that it is doing. */
  async says(state: string): Promise<void> {
    await this.observe("activity", { state });
  }

  async trigger(body: object = {}): Promise<Answer<TriggerBody>> {
    return this.request("POST", `/sessions/${WORKER}/reviews/trigger`, body);
  }

  async cancel(): Promise<Answer<ReviewsView & { runIds: string[] }>> {
    return this.request("POST", `/sessions/${WORKER}/reviews/cancel`, {});
  }

  async list(): Promise<ReviewsView> {
    return (await this.request<ReviewsView>("GET", `/sessions/${WORKER}/reviews`)).body;
  }

  /** Newest first. */
  async runs(): Promise<ReviewRunView[]> {
    return (await this.list()).runs;
  }

  async run(id: string): Promise<ReviewRunView> {
    const run = (await this.runs()).find((each) => each.id === id);
    if (run === undefined) throw new Error(`there is no run ${id}`);
    return run;
  }

  /** What the reviewer of an epoch, the present one by default, says of its runs. */
  async submit(
    results: Readonly<Record<string, unknown>> | readonly object[],
    of: { terminal?: string; epoch?: number; token?: string } = {},
  ): Promise<Answer<SubmitBody>> {
    const terminal = of.terminal ?? HANDLE;
    const epoch = of.epoch ?? this.outside.panes.get(terminal)?.epoch ?? 1;
    const token = of.token ?? this.token(terminal, epoch);
    const body = isList(results) ? { reviews: results, token } : { ...results, token };
    return this.request("POST", `/sessions/${WORKER}/reviews/submit`, body);
  }

  token(terminal: string = HANDLE, epoch = 1): string {
    return reviewerTokens("secret").mint({ sessionId: WORKER, terminal, epoch });
  }

  /** The worker's own. */
  agentToken(): string {
    return sessionTokens("secret").mint(WORKER, 1);
  }

  /** The process of a reviewer ended by itself. */
  async exits(how: object = { exitCode: 0 }, terminal: string = HANDLE): Promise<void> {
    const epoch = this.outside.panes.get(terminal)?.epoch ?? 1;
    this.outside.end(terminal);
    await this.observe("terminal", { process: "dead", epoch, ...how }, terminal);
  }

  /** What was typed into the worker's terminal, by delivery. */
  get inbox(): readonly string[] {
    return [...(this.outside.panes.get(WORKER)?.typed.values() ?? [])];
  }

  get review(): ReviewContext {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row of a review
    return this.#context(`review/${WORKER}`) as ReviewContext;
  }

  get session(): SessionContext {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row of a session
    return this.#context(`session/${WORKER}`) as SessionContext;
  }

  /** The review as an older version would have left it, for the daemon that starts next. */
  async rewrite(version: number, context: object): Promise<void> {
    const row = this.world.store.snapshot(`review/${WORKER}`);
    if (row === undefined) throw new Error("there is no review");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- XState's persisted snapshot
    const snapshot = { ...(row.snapshot as JsonObject), context: context as JsonObject };
    const { books } = this.world.store.head();
    await this.world.store.commit(commitOf({ books, snapshots: [{ ...row, version, snapshot }] }));
  }

  /** What was done to reviewers' terminals, as `name epoch`. */
  actsOn(terminal: string = HANDLE): string[] {
    return this.acts
      .filter((act) => act.terminal === terminal)
      .map(({ name, epoch }) => `${name} ${epoch}`);
  }

  async advance(ms: number): Promise<void> {
    await this.world.clock.advance(ms);
    await this.settle();
  }

  /** Lets mail, effects and their answers come to rest, without moving time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 12; turn += 1) await settle();
  }

  async restart(): Promise<void> {
    await this.#close();
    await this.world.restart();
    await this.settle();
  }

  async crash(): Promise<void> {
    await this.#close();
    await this.world.crash();
  }

  async start(): Promise<void> {
    this.world.start();
    await this.settle();
  }

  async request<Body = Record<string, unknown>>(
    method: "GET" | "POST" | "PUT",
    path: string,
    payload?: object,
    headers: Record<string, string> = {},
  ): Promise<Answer<Body>> {
    const app = await this.app();
    const answering = app.inject({
      method,
      url: `/api/v1${path}`,
      headers: { authorization: `Bearer ${OWNER}`, ...headers },
      ...(payload !== undefined && { payload }),
    });
    const response = await answering;
    await this.settle();
    const type = String(response.headers["content-type"]);
    if (!type.includes("json")) throw new Error(`${method} ${path} answered ${type}`);
    return { status: response.statusCode, body: response.json() };
  }

  async app(): Promise<App> {
    this.#app ??= await httpServer({
      system: this.world.system,
      token: OWNER,
      sessionTokens: sessionTokens("secret"),
      reviewerTokens: reviewerTokens("secret"),
      version: "0.0.0",
      health: () => ({ isReady: true, parts: [] }),
      inspectRepository: async (path) => Promise.resolve({ root: path, defaultBranch: "main" }),
      hasProgram: async (program) => {
        this.lookedFor.push(program);
        return Promise.resolve(!this.missing.has(program));
      },
      now: () => this.world.clock.now(),
    });
    return this.#app;
  }

  /** Ends the daemon before its test does. */
  async end(): Promise<void> {
    await this.#close();
    await this.world.system.stop();
  }

  async #close(): Promise<void> {
    const app = this.#app;
    this.#app = undefined;
    await app?.close();
  }

  #context(address: Address): unknown {
    const row = this.world.store.snapshot(address);
    if (row === undefined) throw new Error(`there is no ${address}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every kind's row has a context
    return (row.snapshot as unknown as { context: unknown }).context;
  }

  /** Writes down what is done to terminals, in the order in which it is done. */
  #noted(adapters: Adapters): Adapters {
    const note = (
      name: TerminalAct["name"],
      { terminal, epoch }: Omit<TerminalAct, "name">,
    ): void => void this.acts.push({ name, terminal, epoch });
    return {
      ...adapters,
      launchTerminal: async (data, attempt) => {
        note("launch", data);
        return adapters.launchTerminal(data, attempt);
      },
      destroyTerminal: async (data, attempt) => {
        note("destroy", data);
        return adapters.destroyTerminal(data, attempt);
      },
      typeText: async (data, attempt) => {
        note("type", data);
        return adapters.typeText(data, attempt);
      },
    };
  }
}

function isList(value: object): value is readonly object[] {
  return Array.isArray(value);
}
