import { type Command, Option } from "commander";
import type { ListOptions } from "../commands/session-list.ts";
import type { SendOptions } from "../commands/send.ts";
import type { SpawnOptions } from "../commands/sessions.ts";
import { declare, group, numeric, waitOptions, type WaitOptions } from "../cli/declaration.ts";

// Loaded when one of them runs.
// oxlint-disable-next-line typescript/explicit-function-return-type -- the module is its own type
const body = async () => import("../commands/sessions.ts");

/** Sessions, and what agents call. */
export function sessionCommands(root: Command): void {
  steerCommands(root);
  endCommands(root);
  orchestratorCommands(root);
  lookCommands(root);
  agentCommands(root);
}

function steerCommands(root: Command): void {
  declare<SpawnOptions>(root, {
    usage: "spawn <project> <prompt> [command...]",
    summary:
      "Start a session; a command after -- is run as its agent, and tells how it is: ao hook command active|idle",
    options: [
      new Option("--kind <kind>").choices(["worker", "manager", "orchestrator"]).default("worker"),
      new Option("--harness <harness>", "the kind of agent; the project's when absent"),
      new Option("--branch <name>", "the branch it works on"),
      new Option("--title <text>", "what lists call it"),
      ...waitOptions("until its agent says what it does, or has ended"),
    ],
    examples: [
      "ao spawn app 'Fix the login' --title login --wait",
      "ao spawn app 'Try this' -- ./agent.sh --fast",
    ],
    run: async ({ args: [project = "", prompt = "", ...command], options, output }) =>
      (await body()).spawnSession(output, { project, prompt, command }, options),
  });
  declare<SendOptions>(root, {
    usage: "send <session> [text]",
    summary: "Type a message into a session's terminal; - is standard input",
    options: [
      ...waitOptions("until it was typed, or never will be"),
      new Option("--file <file>", "the message is in a file; - is standard input"),
    ],
    examples: [
      "ao send app-1 'Use the new API' --wait",
      "ao send app-1 --file notes.md --wait --timeout 60",
      "git diff | ao send app-1 -",
    ],
    run: async ({ args: [id = "", text], options, output }) =>
      (await import("../commands/send.ts")).sendText(output, { id, text }, options),
  });
}

function endCommands(root: Command): void {
  declare<WaitOptions & { kind: string }>(root, {
    usage: "kill <session...>",
    summary: "End sessions; of several each is tried, whatever becomes of the others",
    options: [
      new Option("--kind <kind>").choices(["manual", "cleanup", "error"]).default("manual"),
      ...waitOptions("until nothing of it runs and its worktree is gone, or kept"),
    ],
    examples: ["ao kill app-1 --wait", "ao kill app-2 app-3"],
    run: async ({ args, options, output }) => (await body()).killSessions(output, args, options),
  });
  declare<WaitOptions & { lost?: boolean }>(root, {
    usage: "restore [session...]",
    summary:
      "Bring sessions that are over back to work, in their own conversation where their agent can",
    options: [
      new Option(
        "--lost",
        "all whose terminals were lost, with a tmux server say, and of which you have not taken note",
      ),
      ...waitOptions("until its agent says what it does, or has ended"),
    ],
    examples: ["ao restore app-1 --wait", "ao restore app-2 app-3", "ao restore --lost"],
    run: async ({ args, options, output }) => (await body()).restoreSessions(output, args, options),
  });
  declare<{ project?: string; dryRun?: boolean; preserved?: string }>(root, {
    usage: "cleanup",
    summary:
      "End the sessions whose work is over, and remove what nobody holds; uncommitted work is left and named",
    options: [
      new Option("--project <id>", "only of this project"),
      new Option(
        "--dry-run",
        "only tell: which sessions, and of every directory and all kept work why it stays or goes",
      ),
      new Option(
        "--preserved <session>",
        "drop the uncommitted work that was kept of a session, and nothing else",
      ).conflicts(["project", "dryRun"]),
    ],
    examples: [
      "ao cleanup --dry-run",
      "ao cleanup --project app",
      "ao cleanup --preserved app-3",
      "ao cleanup --json",
    ],
    run: async ({ options, output }) => (await body()).cleanUp(output, options),
  });
}

function orchestratorCommands(root: Command): void {
  const orchestrator = group(root, "orchestrator", "The sessions that orchestrate a project");
  declare<{ clean?: boolean; harness?: string; title?: string }>(orchestrator, {
    usage: "start <project> [prompt]",
    summary: "Start an orchestrator",
    options: [
      new Option("--clean", "end every active orchestrator of the project first"),
      new Option("--harness <harness>", "the kind of agent; the project's when absent"),
      new Option("--title <text>", "what lists call it"),
    ],
    examples: ["ao orchestrator start app", "ao orchestrator start app --clean"],
    isDefault: true,
    run: async ({ args: [project = "", prompt], options, output }) =>
      (await import("../commands/orchestrators.ts")).startOrchestrator(
        output,
        { project, prompt },
        options,
      ),
  });
  declare<{ project?: string }>(orchestrator, {
    usage: "ls",
    summary: "List orchestrators, also those that are over",
    options: [new Option("--project <id>", "only of this project")],
    examples: ["ao orchestrator ls", "ao orchestrator ls --json"],
    run: async ({ options, output }) =>
      (await import("../commands/orchestrators.ts")).listOrchestrators(output, options.project),
  });
}

function lookCommands(root: Command): void {
  declare<ListOptions>(root, {
    usage: "ls",
    summary: "List sessions: what each is doing and why; ! needs you, * is something to know",
    options: [
      new Option("--project <id>", "only of this project"),
      new Option("--status <status>", "only with this status, for example needs_input"),
      new Option("--state <state>", "only in this state, for example lifecycle.idle"),
      new Option("-a, --all", "also those that are over"),
    ],
    examples: ["ao ls", "ao ls --project app --all", "ao ls --status needs_input --json"],
    run: async ({ options, output }) =>
      (await import("../commands/session-list.ts")).listSessions(output, options),
  });
  declare(root, {
    usage: "show <session>",
    summary: "Show one session, what it waits for and how it came there",
    examples: ["ao show app-1", "ao show app-1 --json"],
    run: async ({ args: [id = ""], output }) =>
      (await import("../commands/session-page.ts")).showSession(output, id),
  });
  declare(root, {
    usage: "attach <terminal>",
    summary:
      "Sit down at the terminal of a session, or of its reviewer; Ctrl-b d leaves; with --json, tell how",
    examples: ["ao attach app-1", "ao attach review-app-1"],
    run: async ({ args: [id = ""], output }) =>
      (await import("../commands/terminals.ts")).attach(output, id),
  });
  declare<{ lines: number }>(root, {
    usage: "logs <terminal>",
    summary: "Print the last lines of the screen of a session, or of its reviewer",
    options: [numeric("-n, --lines <n>", "how many").default(200)],
    examples: ["ao logs app-1 --lines 20", "ao logs review-app-1"],
    run: async ({ args: [id = ""], options, output }) =>
      (await import("../commands/terminals.ts")).showScreen(output, id, options.lines),
  });
}

function agentCommands(root: Command): void {
  declare<{ summary: string; outcome: string; session?: string }>(root, {
    usage: "report",
    summary: "Say how this session's work ended; kept while the daemon is down",
    options: [
      new Option("--summary <text>", "what was done").makeOptionMandatory(),
      new Option("--outcome <word>", "how it ended")
        .choices(["succeeded", "failed"])
        .default("succeeded"),
      new Option("--session <id>", "which session; this terminal's when absent"),
    ],
    examples: [
      "ao report --summary 'Login works again'",
      "ao report --outcome failed --summary 'No access'",
    ],
    run: async ({ options, output }) =>
      (await import("../commands/report.ts")).report(output, options),
  });
  declare(root, {
    usage: "observe <lane> <session> <json>",
    summary: "Publish an observation, as any probe may",
    examples: [`ao observe activity app-1 '{"state":"idle"}'`],
    run: async ({ args: [lane = "", session = "", json = ""], output }) =>
      (await import("../commands/observe.ts")).observe(output, { lane, session, json }),
  });
  declare(root, {
    usage: "hook <harness> <event>",
    summary: "Called by agents' hooks, their JSON on standard input; ends with 0 or 75",
    examples: ["ao hook claude-code stop < event.json", "ao hook command idle"],
    isSilent: true,
    run: async ({ args: [harness = "", event = ""] }) =>
      (await import("../commands/hook.ts")).runHook(harness, event),
  });
}
