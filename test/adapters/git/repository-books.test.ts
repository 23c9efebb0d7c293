import { join } from "node:path";
import { expect, it } from "vitest";
import { withBooks } from "../../../adapters/git/repository-books.ts";
import { repositoryAlone, run } from "../../support/repository.ts";

it("one command at a time has the books of a repository, whichever of its worktrees asks, and others wait for none (B1)", async () => {
  const { home, path: repo } = await repositoryAlone();
  const tree = join(home, "tree");
  await run(repo, "worktree", "add", "--quiet", tree);
  const other = await repositoryAlone();
  const order: string[] = [];
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const first = withBooks(repo, undefined, async () => {
    order.push("first");
    await held;
    order.push("first ended");
  });
  await expect.poll(() => order).toEqual(["first"]);
  const second = withBooks(tree, undefined, async () => Promise.resolve(order.push("second")));
  await withBooks(other.path, undefined, async () => Promise.resolve(order.push("elsewhere")));
  await run(tree, "status");
  expect(order).toEqual(["first", "elsewhere"]);
  letGo();
  await Promise.all([first, second]);
  expect(order).toEqual(["first", "elsewhere", "first ended", "second"]);
});

it("who fails keeps nobody from the books", async () => {
  const { path: repo } = await repositoryAlone();
  const broken = withBooks(repo, undefined, async () => Promise.reject(new Error("no")));
  const next = withBooks(repo, undefined, async () => Promise.resolve("yes"));
  await expect(broken).rejects.toThrow("no");
  expect(await next).toBe("yes");
});
