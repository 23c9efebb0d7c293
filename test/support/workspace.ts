import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { worktrees } from "../../adapters/worktree/worktrees.ts";
import type { EffectData, EffectResult } from "../../machines/effects.ts";
import { repositoryAlone, repositoryWithOrigin, run } from "./repository.ts";

type Prepared = EffectResult<"prepareWorkspace">;
type Reclaimed = EffectResult<"reclaimWorkspace">;

/** One workspace of a repository, and its adapters. */
export interface Scene {
  readonly home: string;
  /** The repository's main worktree. */
  readonly repo: string;
  readonly path: string;
  prepare(change?: Partial<EffectData<"prepareWorkspace">["spec"]>): Promise<Prepared>;
  /** Makes it again after it was removed. */
  prepareAgain(): Promise<Prepared>;
  reclaim(path?: string): Promise<Reclaimed>;
}

/** A workspace called w-1 of a repository, on branch ao/w-1, not prepared yet. */
export function sceneOf(
  repository: { readonly home: string; readonly path: string },
  nonce?: () => string,
): Scene {
  const { home, path: repo } = repository;
  const adapters = worktrees({ home, ...(nonce && { nonce }) });
  const attempt = {
    effectId: "workspace/w-1#1.0",
    orderedAt: 0,
    attempt: 1,
    signal: new AbortController().signal,
  };
  const spec = { projectId: "mer", repo, branch: "ao/w-1", baseRef: "main" };
  const path = join(home, "worktrees/mer/w-1");
  const data = { workspace: "w-1", host: "local" };
  return {
    home,
    repo,
    path,
    prepare: (change) =>
      adapters.prepareWorkspace(
        { ...data, epoch: 1, spec: { ...spec, ...change }, isAgain: false },
        attempt,
      ),
    prepareAgain: () =>
      adapters.prepareWorkspace({ ...data, epoch: 2, spec, isAgain: true }, attempt),
    reclaim: (at = path) => adapters.reclaimWorkspace({ ...data, path: at, spec }, attempt),
  };
}

/** The workspace in a repository with an origin. */
export async function published(): Promise<Scene> {
  return sceneOf(await repositoryWithOrigin());
}

/** The workspace in a repository without any remote. */
export async function alone(): Promise<Scene> {
  return sceneOf(await repositoryAlone());
}

/** Expects nothing half made, no trash, and git knows exactly the folders that are there. */
export async function expectTidy({ home, repo }: Scene): Promise<void> {
  const folder = join(home, "worktrees/mer");
  const names = await readdir(folder);
  expect(await readdir(join(folder, ".making"))).toEqual([]);
  expect(names.filter((name) => name.startsWith(".trash"))).toEqual([]);
  const gitDirs = await readdir(join(repo, ".git/worktrees")).catch(() => []);
  expect(gitDirs).toHaveLength(names.length - 1);
}

/** The workspace in a repository with a submodule called lib, for the length of one test. */
export async function withSubmodule(): Promise<Scene> {
  const inner = await repositoryAlone();
  const outer = await repositoryAlone();
  await run(outer.path, "submodule", "--quiet", "add", inner.path, "lib");
  await run(outer.path, "commit", "--quiet", "-m", "add lib");
  // Since 2.38 git takes submodules from other folders only where the person's own settings say so.
  const settings = join(outer.home, "gitconfig");
  await writeFile(settings, '[protocol "file"]\n\tallow = always\n');
  vi.stubEnv("GIT_CONFIG_GLOBAL", settings);
  return sceneOf(outer);
}
