import { type Command, Option } from "commander";
import type { NoticeOptions } from "../commands/notices.ts";
import { declare, group, numeric } from "../cli/declaration.ts";

// Loaded when one of them runs.
// oxlint-disable-next-line typescript/explicit-function-return-type -- the module is its own type
const body = async () => import("../commands/notices.ts");

/** What people should know. */
export function noticeCommands(root: Command): void {
  const notices = group(
    root,
    "notices",
    "What you should know of sessions: what needs you, ends, merges",
  );
  declare<NoticeOptions>(notices, {
    usage: "ls",
    summary: "List what is open, the most urgent first",
    options: [
      new Option("-a, --all", "also what was seen or is over"),
      new Option("--project <id>", "only of this project"),
      new Option("--session <id>", "only of this session"),
      numeric("--limit <n>", "at most so many").default(100),
    ],
    examples: ["ao notices", "ao notices --all --project app", "ao notices --json"],
    isDefault: true,
    run: async ({ options, output }) => (await body()).listNotices(output, options),
  });
  declare(notices, {
    usage: "ack <id...>",
    summary: "Take note: they are no longer listed as open",
    examples: ["ao notices ack app-1-n3", "ao notices ack app-1-n3 app-2-n1"],
    run: async ({ args, output }) => (await body()).acknowledge(output, args),
  });
}
