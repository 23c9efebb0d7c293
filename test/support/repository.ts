import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { tempFolder } from "./folder.ts";

/** A real repository for one test, and what a person would do in it. */
export interface TestRepository {
  /** Empty folder of the test, for a data folder and whatever else it needs. */
  readonly home: string;
  /** The main worktree, on branch `main` with one commit. */
  readonly path: string;
  /** The bare repository that it was pushed to; it is set up as origin. */
  readonly origin: string;
}

/** A repository with one commit on main, and a bare origin that has it too. `name` may hold any characters. */
export async function repositoryWithOrigin(name = "repo"): Promise<TestRepository> {
  const repository = await repositoryAlone(name);
  await run(
    repository.home,
    "init",
    "--quiet",
    "--bare",
    "--initial-branch=main",
    repository.origin,
  );
  await run(repository.path, "remote", "add", "origin", repository.origin);
  await run(repository.path, "push", "--quiet", "origin", "main");
  return repository;
}

/** A repository with one commit on main and no remote. */
export async function repositoryAlone(name = "repo"): Promise<TestRepository> {
  const home = tempFolder();
  const path = join(home, name);
  await initRepository(path);
  await commitFile(path, "README", "first\n");
  return { home, path, origin: join(home, "origin.git") };
}

/** A repository without a commit. */
export async function initRepository(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await run(path, "init", "--quiet", "--initial-branch=main");
}

/** Writes a file and commits it on whatever is checked out; the id of the new commit. */
export async function commitFile(tree: string, file: string, text: string): Promise<string> {
  await mkdir(dirname(join(tree, file)), { recursive: true });
  await writeFile(join(tree, file), text);
  await run(tree, "add", "--", file);
  await run(tree, "commit", "--quiet", "-m", `change ${file}`);
  return run(tree, "rev-parse", "HEAD");
}

/** Runs git as a person called Person, whose own configuration is not read; what it printed. Fails when git does. */
export async function run(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await execa("git", args, { cwd, env: PERSON, stdin: "ignore" });
  return stdout;
}

const PERSON = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_CONFIG_COUNT: "1",
  GIT_CONFIG_KEY_0: "protocol.file.allow",
  GIT_CONFIG_VALUE_0: "always",
  GIT_AUTHOR_NAME: "Person",
  GIT_AUTHOR_EMAIL: "person@localhost",
  GIT_COMMITTER_NAME: "Person",
  GIT_COMMITTER_EMAIL: "person@localhost",
};
