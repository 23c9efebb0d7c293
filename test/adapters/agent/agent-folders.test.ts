import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withFolders } from "../../../adapters/agent/folders.ts";
import { SANDBOX_FOLDERS } from "../../../machines/harness/harness.ts";
import { tempFolder } from "../../support/folder.ts";
import { repositoryAlone, run } from "../../support/repository.ts";

const WORDS = ["agent", "--add-dir", SANDBOX_FOLDERS, "--", SANDBOX_FOLDERS];

/** Folders, and when something in them was made or removed. */
function foldersOf(root: string): Map<string, number> {
  const below = readdirSync(root, { recursive: true, withFileTypes: true });
  const paths = below
    .filter((each) => each.isDirectory())
    .map((each) => join(each.parentPath, each.name));
  return new Map([root, ...paths].map((path) => [path, statSync(path).mtimeMs]));
}

describe("a sandbox", () => {
  it("lets an agent write all that a commit in its worktree writes, and no hook or setting (W1)", async () => {
    const { path } = await repositoryAlone();
    const home = await realpath(tempFolder());
    const [cwd, spool] = [join(home, "tree"), join(home, "spool")];
    mkdirSync(spool);
    await run(path, "worktree", "add", "--quiet", "-b", "ao/x", cwd);
    const argv = await withFolders(WORDS, { cwd, spool });
    const folders = argv.filter((_, index) => argv[index - 1] === "--add-dir");
    expect(argv.slice(-2)).toEqual(["--", SANDBOX_FOLDERS]);
    const git = await realpath(join(path, ".git"));
    const before = foldersOf(git);
    writeFileSync(join(cwd, "new"), "new");
    await run(cwd, "add", "--all");
    await run(cwd, "commit", "--quiet", "--message", "New");
    const written = [...foldersOf(git)].filter(([name, at]) => before.get(name) !== at);
    const isAllowed = (name: string): boolean =>
      folders.some((folder) => name === folder || name.startsWith(`${folder}/`));
    expect(written.length).toBeGreaterThan(2);
    expect(written.map(([name]) => name).filter((name) => !isAllowed(name))).toEqual([]);
    expect(folders).toContain(spool);
    expect(["hooks", "info", "."].map((name) => isAllowed(join(git, name)))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("lets it write nothing of a repository that it works in itself, nor what is not there", async () => {
    const { path } = await repositoryAlone();
    const spool = join(path, "none");
    expect(await withFolders(WORDS, { cwd: path, spool })).toEqual([
      "agent",
      "--",
      SANDBOX_FOLDERS,
    ]);
    expect(await withFolders(["agent"], { cwd: "/", spool })).toEqual(["agent"]);
  });
});
