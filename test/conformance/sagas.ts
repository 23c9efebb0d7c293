import { z } from "zod";
import type { Adapters } from "../../adapters/adapter.ts";
import { httpServer } from "../../http/server.ts";
import type { EffectData } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import { addressOf, type Address } from "../../machines/ids.ts";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import type { JournalEntry } from "../../storage/store.ts";
import { parsed, type Case } from "./cases.ts";
import { isRecord, sameCount, someMembers, type Compare, type Difference } from "./expectation.ts";
import { readRecord, RecordShape, withShape } from "./record.ts";
import { Stage } from "./stage.ts";
import { revisionsBeside } from "./steps.ts";
import { differences } from "./tables.ts";

// Sagas
//
// The model's session manager, whose ports are here the adapters of the real sagas: `workspace.create` is
// prepareWorkspace, `runtime.create` is launchTerminal, and so on, over an outside in memory.
//
//   G1. Here the record comes first. What the model writes once worktree and runtime are there (`spawnInitiated`) is the
//       row of the terminal, live; its completion is what the session hears of it.
//   G2. A completion that cannot be written is a launch that was done and could not be answered.
//   G4. A write of the model's row is here a step that changes an axis; a worktree that is back is a fact beside it.
//   G3. "Cannot be freed" is here no failure of the kill: the worktree is kept, and the record says why.

const ID = "sess-1";
const ISSUE = "42";
const Do = z.union([z.string(), z.array(z.string())]);

const Given = z.strictObject({
  do: Do,
  existing: RecordShape.optional(),
  record: RecordShape.optional(),
  records: z
    .array(
      z.strictObject({
        id: z.string(),
        session: z.enum(["working", "terminated", "done", "idle"]),
        path: z.string().optional(),
        dirty: z.boolean().optional(),
      }),
    )
    .optional(),
  agentSessionId: z.string().nullable().optional(),
  spawnCompleted: z.literal("error").optional(),
  spawnCompletedDuringRestore: z.literal("error").optional(),
  workspaceCreate: z.literal("error").optional(),
  runtimeCreate: z.literal("error").optional(),
  workspaceDestroy: z.literal("refused").optional(),
});
type Given = z.infer<typeof Given>;

const COMPARES: Readonly<Record<string, Compare>> = {
  env: someMembers,
  metadata: someMembers,
  revision: sameCount,
  sends: sameCount,
};
const KEYS: ReadonlySet<string> = new Set(
  `display session reason runtime runtimeReason prState prReason metadata
   revision memory recordExists callOrder env error errorCode workspaceCreated
   workspaceDestroyed workspaceFreed workspaceTouched workspaceRestoreCalled runtimeCreated runtimesCreated newRuntimes runtimeDestroyed
   runtimeDestroyCalled newRuntimesDestroyed lifecycleCalled killIntentRecorded cleaned skipped sends to
   text launch metadataRestored revisionDeltaDuringRestore`.split(/\s+/),
);

/** Whether a case is one of the session manager's. */
export function isSaga({ given }: Case): boolean {
  return "do" in given && !("hooks" in given) && !("terminated" in given);
}

export async function runSaga(one: Case): Promise<Difference[]> {
  const given = parsed(Given, one.given, "given");
  const strange = Object.keys(one.expect).filter((key) => !KEYS.has(key));
  if (strange.length > 0) throw new Error(`expect.${strange.join(", expect.")} is not known`);
  const saga = new Saga(given);
  try {
    const seen = await saga.play();
    return differences(one.expect, seen, COMPARES);
  } finally {
    await saga.stage.stop();
  }
}

type Call = { readonly name: string; readonly isDone: boolean; readonly data: unknown };

class Saga {
  readonly stage: Stage;
  readonly #given: Given;
  readonly #calls: Call[] = [];
  /** Calls before what the case does. */
  #before = 0;
  /** What was left of the outside, and of the record, when a restore began. */
  #beforeRestore: { calls: number; seq: number; metadata: string } | undefined;
  #isError = false;
  #more: Record<string, unknown> = {};

  constructor(given: Given) {
    this.#given = given;
    const disk = memoryDisk();
    this.stage = new Stage({
      openStore: () => memoryStore({ disk }),
      projectId: "proj",
      id: ID,
      wrap: (adapters) => this.#watched(adapters),
    });
  }

  async play(): Promise<Record<string, unknown>> {
    const { existing, record, records = [] } = this.#given;
    await this.#register();
    const shape = existing ?? record;
    if (shape !== undefined) await this.#seed(shape);
    for (const each of records) {
      // oxlint-disable-next-line no-await-in-loop -- one session after the other
      await this.#put(each);
    }
    const deeds = [this.#given.do].flat();
    if (deeds[0]?.startsWith("send:") === true) await this.#spawn();
    this.#before = this.#calls.length;
    const mark = this.stage.store.head().globalSeq;
    const before = { record: this.stage.record(), steps: this.stage.past.length };
    for (const deed of deeds) {
      // oxlint-disable-next-line no-await-in-loop -- one deed after the other
      await this.#act(deed);
    }
    // G4
    const revision = (this.stage.record()?.revision ?? 0) - revisionsBeside(this.stage, before);
    return { ...this.#seen(mark), revision, ...this.#more };
  }

  async #register(): Promise<void> {
    const config = { worker: { harness: "command", command: ["agent"] } };
    await this.stage.ask(addressOf("project", "proj"), "project.register", {
      root: "/repository",
      scm: "none",
      defaultBranch: "main",
      config,
    });
  }

  async #seed(shape: RecordShape): Promise<void> {
    await this.#spawn();
    // A record that says nothing of worktree, pane or prompt has none.
    if (this.#given.existing === undefined) {
      await this.#withoutTree(ID);
      this.stage.outside.panes.delete(ID);
    }
    await this.stage.write((known) => ({
      ...withShape(known, { revision: 0, ...shape }),
      prompt: "",
      workspace: { ...known.workspace, path: null, state: "absent" },
    }));
  }

  /** One of several sessions, as far along as the case says. */
  async #put({
    id,
    session,
    path,
    dirty = false,
  }: NonNullable<Given["records"]>[number]): Promise<void> {
    const address = addressOf("session", id);
    await this.#spawn(address);
    if (dirty) this.stage.outside.trees.set(id, { branch: `ao/${id}`, loss: "dirty" });
    if (path === undefined && session !== "working") await this.#withoutTree(id);
    await this.stage.write((known) => {
      const tree = path === undefined ? { path: null, state: "absent" as const } : { dirty };
      return {
        ...withShape(known, { session, reason: "agent_process_exited" }),
        workspace: { ...known.workspace, ...tree },
      };
    }, address);
  }

  /** A worktree that was never made. */
  async #withoutTree(id: string): Promise<void> {
    this.stage.outside.trees.delete(id);
    await this.stage.rewrite(addressOf("workspace", id), ({ context }) => ({
      value: "failed",
      context: { ...Object(context), tree: null },
    }));
  }

  async #act(deed: string): Promise<void> {
    const [verb = "", what = ""] = deed.split(":", 2);
    switch (verb) {
      case "spawn":
        return this.#spawn();
      case "kill":
        return this.#kill(what === "" ? "manual" : what);
      case "restore":
        return this.#restore();
      case "cleanup":
        return this.#cleanUp();
      case "get":
        return this.#get(what);
      case "send":
        return this.#send(what);
      default:
        throw new Error(`given.do: ${deed} is not known`);
    }
  }

  async #spawn(address: Address = this.stage.session): Promise<void> {
    const branch = address === this.stage.session ? "feat/42" : `ao/${address.slice(8)}`;
    const outcome = await this.stage.ask(address, "session.start", {
      projectId: "proj",
      root: "/repository",
      scm: "none",
      baseRef: "main",
      branch,
      kind: "worker",
      harness: "claude-code",
      argv: ["claude"],
      env: { AO_ISSUE_ID: ISSUE, AGENT_ENV: "kept" },
      prompt: "do the thing\n\nbe careful",
    });
    const record = this.stage.record(address);
    this.#isError = outcome.type !== "applied" || record?.axes.lifecycle.state === "terminated";
  }

  async #kill(kind: string): Promise<void> {
    const outcome = await this.stage.ask(this.stage.session, "session.kill", { kind });
    const record = this.stage.record();
    // G3
    const isKept = record !== undefined && record.workspace.reason !== null;
    this.#isError = outcome.type !== "applied" || isKept;
    this.#more["killIntentRecorded"] = record?.axes.lifecycle.state === "terminated";
  }

  async #restore(): Promise<void> {
    const { agentSessionId } = this.#given;
    if (agentSessionId !== undefined) {
      await this.stage.write((known) => ({ ...known, agentSessionId }));
    }
    this.#beforeRestore = {
      calls: this.#calls.length,
      seq: this.stage.row()?.seq ?? 0,
      metadata: this.#launchMetadata(),
    };
    const outcome = await this.stage.ask(this.stage.session, "session.restore");
    const state = this.stage.record()?.axes.lifecycle.state;
    this.#isError = outcome.type !== "applied" || state === "terminated";
  }

  async #cleanUp(): Promise<void> {
    await this.#request("POST", "/sessions/cleanup");
    await this.stage.rest();
    const over = (this.#given.records ?? []).filter(
      ({ session }) => session === "terminated" || session === "done",
    );
    const isFreed = ({ id, path }: { id: string; path?: string | undefined }): boolean =>
      path !== undefined && !this.stage.outside.trees.has(id);
    this.#more = {
      cleaned: over.filter(isFreed).map(({ id }) => id),
      skipped: over.filter((each) => !isFreed(each)).map(({ id }) => id),
    };
  }

  async #get(id: string): Promise<void> {
    const status = await this.#request("GET", `/sessions/${id}`);
    this.#isError = status >= 400;
    if (status === 404) this.#more["errorCode"] = "not_found";
  }

  async #send(text: string): Promise<void> {
    await this.stage.ask(this.stage.session, "session.send", { text });
    const typed = [...this.stage.outside.panes].flatMap(([to, pane]) =>
      [...pane.typed.values()].map((each) => ({ to, text: each })),
    );
    this.#more = { sends: typed.length, ...typed[0] };
  }

  async #request(method: "GET" | "POST", path: string): Promise<number> {
    const { system, clock } = this.stage;
    const token = "owner";
    const app = await httpServer({
      system,
      token,
      version: "0.0.0",
      health: () => ({ isReady: true, parts: [] }),
      inspectRepository: async (root) => Promise.resolve({ root, defaultBranch: "main" }),
      now: () => clock.now(),
    });
    try {
      const url = `/api/v1${path}`;
      const headers = { authorization: `Bearer ${token}` };
      const { statusCode } = await app.inject({ method, url, headers });
      return statusCode;
    } finally {
      await app.close();
    }
  }

  #seen(mark: number): Record<string, unknown> {
    const { stage } = this;
    const calls = this.#calls.slice(this.#before);
    const log = stage.store.log({ after: mark, limit: 1_000 });
    const count = (name: string): number => doneOf(calls, name).length;
    return {
      ...readRecord(stage),
      recordExists: this.#isRecorded(),
      metadata: this.#metadata(),
      ...this.#launched(calls),
      callOrder: log.flatMap(portsOf),
      lifecycleCalled: log.flatMap(portsOf).some((port) => port.startsWith("lifecycle.")),
      error: this.#isError,
      workspaceCreated: count("prepareWorkspace"),
      workspaceDestroyed: count("reclaimWorkspace"),
      workspaceFreed: !stage.outside.trees.has(stage.id),
      workspaceTouched: calls.some(({ name }) => name.endsWith("Workspace")),
      runtimeCreated: count("launchTerminal"),
      runtimesCreated: count("launchTerminal"),
      runtimeDestroyed: count("destroyTerminal"),
      runtimeDestroyCalled: calls.some(({ name }) => name === "destroyTerminal"),
      ...this.#sinceRestore(),
    };
  }

  /** G1 */
  #isRecorded(): boolean {
    const { existing, record } = this.#given;
    const isSeeded = existing !== undefined || record !== undefined;
    return isSeeded || doneOf(this.#calls, "launchTerminal").length > 0;
  }

  #metadata(): Record<string, unknown> {
    const { stage } = this;
    const isThere = stage.outside.panes.has(stage.id);
    const metadata = readRecord(stage)["metadata"];
    return {
      ...(isRecord(metadata) && metadata),
      // The outside names its panes for their terminals, and there is one sort of them.
      ...(isThere && { runtimeHandleId: `rt-${stage.id}`, runtimeName: "tmux" }),
    };
  }

  #launched(calls: readonly Call[]): Record<string, unknown> {
    const last = calls.findLast(({ name }) => name === "launchTerminal");
    if (last === undefined) return {};
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the adapter was given
    const { launch } = last.data as EffectData<"launchTerminal">;
    return {
      launch: commandOf(launch.argv),
      env: {
        AO_SESSION_ID: launch.identity.sessionId,
        AO_PROJECT_ID: launch.identity.projectId,
        AO_ISSUE_ID: launch.env["AO_ISSUE_ID"],
        agentEnvKept: launch.env["AGENT_ENV"] === "kept",
      },
    };
  }

  #sinceRestore(): Record<string, unknown> {
    const before = this.#beforeRestore;
    if (before === undefined) return {};
    const calls = this.#calls.slice(before.calls);
    return {
      newRuntimes: doneOf(calls, "launchTerminal").length,
      newRuntimesDestroyed: doneOf(calls, "destroyTerminal").length,
      workspaceRestoreCalled: calls.some(({ name }) => name === "prepareWorkspace"),
      workspaceDestroyed: doneOf(calls, "reclaimWorkspace").length,
      revisionDeltaDuringRestore: this.#writesAfter(before.seq),
      metadataRestored: this.#launchMetadata() === before.metadata,
    };
  }

  /** What is kept of the launch itself: all of the metadata but where the worktree is now. */
  #launchMetadata(): string {
    const { branch, prompt, agentSessionId } = this.stage.record() ?? {};
    return JSON.stringify({ branch, prompt, agentSessionId });
  }

  /** Steps of the session that changed an axis (G4). */
  #writesAfter(first: number): number {
    const { system, session } = this.stage;
    const last = this.stage.row()?.seq ?? first;
    const axesAt = (seq: number): string => {
      const context = system.stateAt(session, seq)?.context;
      return JSON.stringify(isRecord(context) ? context["axes"] : null);
    };
    return Array.from({ length: last - first }, (_, n) => first + n).filter(
      (seq) => axesAt(seq) !== axesAt(seq + 1),
    ).length;
  }

  #watched(adapters: Adapters): Adapters {
    const note = (name: string, data: unknown, isDone: boolean): void =>
      void this.#calls.push({ name, data, isDone });
    return {
      ...adapters,
      prepareWorkspace: async (data, attempt) => {
        if (this.#given.workspaceCreate === "error") throw refusalOf("prepareWorkspace");
        const result = await adapters.prepareWorkspace(data, attempt);
        note("prepareWorkspace", data, true);
        return { ...result, path: `/tmp/ws/${data.workspace}` };
      },
      reclaimWorkspace: async (data, attempt) => {
        if (this.#given.workspaceDestroy === "refused") {
          note("reclaimWorkspace", data, false);
          return { removed: false, reason: "dirty", detail: "it is dirty" };
        }
        const result = await adapters.reclaimWorkspace(data, attempt);
        note("reclaimWorkspace", data, result.removed);
        return result;
      },
      launchTerminal: async (data, attempt) => {
        if (this.#given.runtimeCreate === "error") throw refusalOf("launchTerminal");
        const result = await adapters.launchTerminal(data, attempt);
        note("launchTerminal", data, true);
        // G2
        const isLost =
          this.#beforeRestore === undefined
            ? this.#given.spawnCompleted
            : this.#given.spawnCompletedDuringRestore;
        if (isLost === "error") throw refusalOf("the completion");
        return result;
      },
      destroyTerminal: async (data, attempt) => {
        const result = await adapters.destroyTerminal(data, attempt);
        note("destroyTerminal", data, result.killed > 0);
        return result;
      },
    };
  }
}

/** The program and the conversation it resumes; flags for hooks and permissions are our own. */
function commandOf(argv: readonly string[]): string {
  const at = argv.indexOf("--resume");
  const resumed = at === -1 ? [] : argv.slice(at, at + 2);
  return [argv[0] ?? "", ...resumed].join(" ");
}

function doneOf(calls: readonly Call[], name: string): readonly Call[] {
  return calls.filter((call) => call.name === name && call.isDone);
}

function refusalOf(what: string): Failure {
  return new Failure("LAUNCH_FAILED", `${what} fails in this case`);
}

/** The ports of the model that an entry of the journal stands for (G1). */
function portsOf({ address, orders, message: { type, from } }: JournalEntry): string[] {
  if (type === "prepareWorkspace.done") return ["workspace.create"];
  if (type === "session.kill") return orders.length === 0 ? [] : ["lifecycle.killRequested"];
  if (type === "destroyTerminal.done") return ["runtime.destroy"];
  if (type === "reclaimWorkspace.done") return ["workspace.destroy"];
  if (type === "launchTerminal.done") return ["runtime.create", "lifecycle.spawnInitiated"];
  const isHeard = type === "child.started" && address.startsWith("session/");
  return isHeard && from?.startsWith("terminal/") === true ? ["lifecycle.spawnCompleted"] : [];
}
