import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { reviewerFence, type ReviewerFence } from "../../../adapters/worktree/reviewer-fence.ts";
import { eventually } from "../../support/eventually.ts";
import { tempFolder } from "../../support/folder.ts";
import { repositoryWithOrigin, run, type TestRepository } from "../../support/repository.ts";
import { LAUNCHER, tmuxWorld } from "../terminal/tmux-world.ts";

// Where a machine lets nobody make mounts of its own, nothing is closed: there the same tries come through, and the
// fence says why.

interface Scene {
  readonly repository: TestRepository;
  readonly home: string;
  readonly fence: ReviewerFence;
  /** Runs shell commands as a reviewer; which of them came through. */
  tries(commands: readonly string[]): Promise<string[]>;
}

/** A data folder with a worker's worktree and a reviewer's checkout, beside a repository with an origin. */
async function sceneOf(place: (repository: TestRepository) => string): Promise<Scene> {
  const repository = await repositoryWithOrigin();
  const home = place(repository);
  await run(repository.path, "worktree", "add", "--quiet", join(home, "worktrees/demo/w-1"));
  await mkdir(join(home, "reviews/demo/review-w-1/1/r1"), { recursive: true });
  await mkdir(join(home, "spool"), { recursive: true });
  const personHome = tempFolder();
  const fence = reviewerFence({ home, launcher: LAUNCHER, personHome });
  const { launch } = tmuxWorld({ home, closedTo: fence.pathsFor });
  return {
    repository,
    home,
    fence,
    async tries(commands) {
      const out = join(home, "came-through");
      const lines = commands.map((command, n) => `if ${command}; then echo ${n} >> "$OUT.new"; fi`);
      const script = [": > $OUT.new", ...lines, "mv $OUT.new $OUT"].join("\n");
      await launch({
        cwd: join(home, "reviews/demo/review-w-1/1/r1"),
        argv: ["sh", "-c", script],
        env: { OUT: out, HOME: personHome },
        identity: {
          sessionId: "w-1",
          projectId: "demo",
          review: { harness: "command", repo: repository.path },
        },
      });
      const text = await eventually(async () => readFile(out, "utf8"));
      return text.split("\n").flatMap((n) => (n === "" ? [] : (commands[Number(n)] ?? [])));
    },
  };
}

const beside = ({ home }: TestRepository): string => join(home, "data");
const inside = ({ path }: TestRepository): string => join(path, ".ao");
const WHO = "git -c user.name=x -c user.email=x@y -c protocol.file.allow=always";

function writesOf({ repository: { path, origin }, home }: Scene): string[] {
  const tree = join(home, "worktrees/demo/w-1");
  return [
    `echo evil > ${tree}/new`,
    `echo evil >> ${tree}/README`,
    `rm ${tree}/README`,
    `mv ${tree} ${tree}-away`,
    `${WHO} -C ${tree} commit -q --allow-empty -m evil`,
    `${WHO} -C ${path} commit -q --allow-empty -m evil`,
    `${WHO} -C ${path} update-ref refs/heads/evil HEAD`,
    `${WHO} -C ${path} push -q origin HEAD:refs/heads/evil`,
    `touch ${path}/evil`,
    `touch ${origin}/evil`,
    "touch evil",
  ];
}

describe("a reviewer's process, root or not", () => {
  it.each([
    { title: "beside the data folder", place: beside },
    { title: "around the data folder", place: inside },
  ])(
    "cannot edit, commit or push by any path, with the repository $title (RF1, RF2)",
    async ({ place }) => {
      const scene = await sceneOf(place);
      const { repository, home, fence } = scene;
      const writes = writesOf(scene);
      const open = [
        `git -C ${repository.path} log -1 --format=%H > /dev/null`,
        `git -C ${join(home, "worktrees/demo/w-1")} status --porcelain > /dev/null`,
        `touch ${home}/spool/word`,
        `touch $HOME/own`,
        "touch $(mktemp)",
      ];
      const undo = [
        `umount ${home}/worktrees && ${writes[0]}`,
        `mount -o remount,bind,rw ${home}/worktrees && ${writes[0]}`,
        `nsenter -t $PPID -m sh -c '${writes[0]}'`,
        `unshare -Urm sh -c 'umount ${home}/worktrees; mount -o remount,bind,rw ${home}/worktrees; ${writes[0]}'`,
        `echo evil > /proc/$PPID/root${home}/worktrees/demo/w-1/new`,
      ];
      const isClosed = (await fence.obstacle()) === null;
      const through = await scene.tries([...(isClosed ? [...writes, ...undo] : []), ...open]);
      expect(through).toEqual(open);
      const refs = await run(repository.path, "for-each-ref", "--format=%(refname)");
      expect(refs).not.toContain("evil");
    },
  );
});

describe("what is closed to a reviewer", () => {
  it("is never what holds the person's home folder, but the repository's own folder in it (RF2)", async () => {
    const { home, path } = await repositoryWithOrigin();
    await mkdir(join(path, "me"));
    await symlink(join(path, "me"), join(home, "me"));
    const personHome = join(home, "me");
    const fence = reviewerFence({ home: join(home, "data"), launcher: LAUNCHER, personHome });
    const isClosed = (await fence.obstacle()) === null;
    const wanted = isClosed ? [`-${join(path, ".git")}`, `-${join(home, "origin.git")}`] : [];
    expect([...(await fence.pathsFor(path))].toSorted()).toEqual(wanted.toSorted());
  });

  it("is nothing where the machine cannot, and it says why (RF3)", async () => {
    const { home, path } = await repositoryWithOrigin();
    const launcher = join(home, "launch");
    await writeFile(launcher, 'print "no mounts of its own\\n"; exit 1;\n');
    const fence = reviewerFence({ home, launcher, personHome: home });
    expect(await fence.obstacle()).toBe("no mounts of its own");
    expect(await fence.pathsFor(path)).toEqual([]);
  });
});
