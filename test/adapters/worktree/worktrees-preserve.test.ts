import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { workspaceFacts } from "../../../adapters/git/facts.ts";
import { commitFile, run } from "../../support/repository.ts";
import { alone, expectTidy, published, type Scene } from "../../support/workspace.ts";

const REF = "refs/ao/preserved/w-1";
const KEPT = { removed: true, preserved: REF };

/** A worktree with some of everything that is not committed. */
async function worked(scene: Scene): Promise<string> {
  await scene.prepare();
  const { path } = scene;
  await commitFile(path, "gone", "1");
  const sha = await commitFile(path, "src/a", "1");
  await writeFile(join(path, "README"), "changed\n");
  await rm(join(path, "gone"));
  await mkdir(join(path, "dir/deep"), { recursive: true });
  await writeFile(join(path, "dir/deep/ü b"), "new\n");
  await writeFile(join(path, "script"), "#!/bin/sh\n");
  await chmod(join(path, "script"), 0o755);
  await symlink("README", join(path, "link"));
  await writeFile(join(path, "staged"), "staged\n");
  await run(path, "add", "staged");
  return sha;
}

describe("work that is not committed", () => {
  it.each([
    { title: "an origin", make: published },
    { title: "no origin", make: alone },
  ])(
    "is kept in a ref before its worktree is removed, and is back when it is made again, with $title (V1, V4)",
    async ({ make }) => {
      const scene = await make();
      const sha = await worked(scene);
      const { path, repo } = scene;
      expect(await scene.reclaim()).toEqual(KEPT);
      expect(existsSync(path)).toBe(false);
      await expectTidy(scene);
      expect(await run(repo, "rev-parse", "ao/w-1", `${REF}^1`)).toBe(`${sha}\n${sha}`);
      expect(await run(repo, "show", `${REF}:dir/deep/ü b`)).toBe("new");

      const again = await scene.prepareAgain();
      expect(again).toMatchObject({ headSha: sha, preserved: { ref: REF, isApplied: true } });
      const status = await run(path, "status", "--porcelain", "--untracked-files=all", "-z");
      expect(status.split("\0").toSorted()).toEqual([
        "",
        " D gone",
        " M README",
        "?? dir/deep/ü b",
        "?? link",
        "?? script",
        "?? staged",
      ]);
      expect((await stat(join(path, "script"))).mode & 0o111).toBe(0o111);
      expect(await readFile(join(path, "link"), "utf8")).toBe("changed\n");
      expect(await run(repo, "for-each-ref", REF)).toBe("");
      await expectTidy(scene);
    },
  );

  it("is kept though the index is locked, and ignored files are not (V1, V2)", async () => {
    const scene = await alone();
    await scene.prepare();
    await writeFile(join(scene.repo, ".git/info/exclude"), "node_modules");
    const gitDir = await run(scene.path, "rev-parse", "--absolute-git-dir");
    await writeFile(join(gitDir, "index.lock"), "");
    await mkdir(join(scene.path, "node_modules"));
    await writeFile(join(scene.path, "node_modules/x"), "");
    await writeFile(join(scene.path, "new"), "");
    expect(await scene.reclaim()).toEqual(KEPT);
    const names = await run(scene.repo, "ls-tree", "-r", "--name-only", REF);
    expect(names.split("\n")).toEqual(["README", "new"]);
  });

  it("that stands on no branch is kept with its commits, and comes back on them (V1)", async () => {
    const scene = await alone();
    await scene.prepare();
    await run(scene.path, "checkout", "--quiet", "--detach");
    const sha = await commitFile(scene.path, "a", "1");
    expect(await scene.reclaim()).toEqual(KEPT);
    expect(await run(scene.repo, "rev-parse", `${REF}^1`)).toBe(sha);
    expect(await scene.prepareAgain()).toMatchObject({ headSha: sha });
    expect(await workspaceFacts(scene.path)).toMatchObject({ branch: null, dirty: false });
  });

  it("comes back on its own commits when its branch was removed meanwhile (V4)", async () => {
    const scene = await alone();
    const sha = await worked(scene);
    await scene.reclaim();
    await run(scene.repo, "branch", "--quiet", "-D", "ao/w-1");
    expect(await scene.prepareAgain()).toMatchObject({ headSha: sha, branch: "ao/w-1" });
  });

  it("that conflicts stays in the ref, and the worktree is as its branch is (V4)", async () => {
    const scene = await alone();
    await worked(scene);
    await scene.reclaim();
    const other = join(scene.home, "other");
    await run(scene.repo, "worktree", "add", "--quiet", other, "ao/w-1");
    const sha = await commitFile(other, "README", "someone else's");
    await run(scene.repo, "worktree", "remove", other);
    const again = await scene.prepareAgain();
    expect(again).toMatchObject({
      headSha: sha,
      preserved: { ref: REF, isApplied: false, detail: "conflicts in README" },
    });
    expect(await run(scene.path, "status", "--porcelain")).toBe("");
    expect(await run(scene.repo, "show", `${REF}:README`)).toBe("changed");
  });

  it("that is kept a second time keeps the first below it (V3)", async () => {
    const scene = await alone();
    await scene.prepare();
    await writeFile(join(scene.path, "first"), "1");
    await scene.reclaim();
    // Not made again by its session: what was kept stays where it is.
    expect(await scene.prepare()).not.toHaveProperty("preserved");
    await writeFile(join(scene.path, "second"), "2");
    await scene.reclaim();
    expect(await run(scene.repo, "show", `${REF}:second`, `${REF}^2:first`)).toBe("21");
    expect(await scene.prepareAgain()).toMatchObject({ preserved: { isApplied: true } });
    expect(await run(scene.path, "status", "--porcelain")).toBe("?? second");
    expect(await run(scene.repo, "show", `${REF}:first`)).toBe("1");
  });

  it("is none: nothing is kept of a worktree that holds nothing", async () => {
    const scene = await alone();
    await scene.prepare();
    expect(await scene.reclaim()).toEqual({ removed: true });
    expect(await run(scene.repo, "for-each-ref", "refs/ao")).toBe("");
    expect(await scene.prepareAgain()).not.toHaveProperty("preserved");
  });

  it("is kept once when the removal is asked for again, and is still named", async () => {
    const scene = await alone();
    await scene.prepare();
    await writeFile(join(scene.path, "new"), "1");
    await scene.reclaim();
    const sha = await run(scene.repo, "rev-parse", REF);
    expect(await scene.reclaim()).toEqual(KEPT);
    expect(await run(scene.repo, "rev-parse", REF)).toBe(sha);
  });
});
