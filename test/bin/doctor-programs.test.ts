import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { agentFindings, notifyFindings } from "../../bin/commands/doctor-programs.ts";
import { Settings } from "../../machines/settings.ts";
import { tempFolder } from "../support/folder.ts";

/** A PATH on which there are these programs, and no others. */
function pathOf(...programs: string[]): string {
  const folder = tempFolder();
  for (const program of programs) writeFileSync(join(folder, program), "", { mode: 0o755 });
  return folder;
}

it.each([
  {
    title: "a worker of a harness that is not installed",
    config: { worker: { harness: "claude-code" } },
    is: [
      "app: there is no program claude, its worker (claude-code)",
      "npm install --global @anthropic-ai/claude-code # or name another: ao project config app",
    ],
  },
  {
    title: "a reviewer that is a command",
    config: {
      worker: { harness: "codex" },
      reviewers: [{ harness: "command", command: "critic --all" }],
    },
    is: [
      "app: there is no program critic, its reviewer (command)",
      "ao project config app # names it",
    ],
  },
  {
    title: "a manager by an absolute path",
    config: {
      worker: { harness: "codex" },
      manager: { harness: "command", command: ["/nowhere/manager"] },
    },
    is: [
      "app: there is no program /nowhere/manager, its manager (command)",
      "ao project config app # names it",
    ],
  },
])("names the program that is missing of $title", async ({ config, is }) => {
  const [only, ...rest] = await agentFindings({ id: "app", config }, pathOf("codex"));
  expect([[only?.found, only?.mend], rest, only?.isFine]).toEqual([is, [], false]);
});

it.each([
  { title: "that is there", config: { worker: { harness: "codex" } } },
  {
    title: "in the worktree",
    config: { worker: { harness: "command", command: "./agent.sh --fast" } },
  },
  {
    title: "that only a shell can tell",
    config: { worker: { harness: "command", command: "cd x && run" } },
  },
])("says nothing of a program $title", async ({ config }) => {
  expect(await agentFindings({ id: "app", config }, pathOf("codex"))).toEqual([]);
});

it("looks for the program that tells people of notices, where one is named", async () => {
  const of = async (...command: string[]): Promise<unknown> =>
    notifyFindings(
      Settings.parse({ notify: { command } }),
      "vi config.json",
      pathOf("notify-send"),
    );
  expect(await notifyFindings(Settings.parse({}), "vi config.json", pathOf("notify-send"))).toEqual(
    [],
  );
  expect(await of("notify-send", "ao")).toMatchObject([{ isFine: true }]);
  expect(await of("notify-sent", "ao")).toEqual([
    {
      name: "notify.command",
      isFine: false,
      found: "there is no program notify-sent",
      mend: "vi config.json",
    },
  ]);
});
