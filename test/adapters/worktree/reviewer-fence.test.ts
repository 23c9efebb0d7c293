import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import {
  fenceObstacle,
  reviewerFence,
  type ReviewerFence,
} from "../../../adapters/worktree/reviewer-fence.ts";
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
        // Whoever may open files by their handle passes by all mounts: DAC_READ_SEARCH, the third bit.
        "grep -qE '^CapBnd:.*[4567cdef]$' /proc/self/status",
      ];
      const isClosed = (await fence.obstacle()) === null;
      const through = await scene.tries([...(isClosed ? [...writes, ...undo] : []), ...open]);
      expect(through).toEqual(open);
      const refs = await run(repository.path, "for-each-ref", "--format=%(refname)");
      expect(refs).not.toContain("evil");
    },
  );
});

describe("a mount below a closed path", () => {
  it("is closed as well, and what stays open within is as it was (L6)", async () => {
    const folder = tempFolder();
    const [repo, kept] = [join(folder, "repo"), join(folder, "repo/kept")];
    await mkdir(join(repo, "below"), { recursive: true });
    await mkdir(join(kept, "below"), { recursive: true });
    const tries = ["", "below/", "kept/", "kept/below/"]
      .map((place) => `if (echo evil > ${place}evil) 2> $OUT.trouble; then echo "${place}evil"; fi`)
      .join("\n");
    const launch = [repo, "3", "sh", "-c", tries, "2", `-${repo}`, `+${kept}`, `OUT=${folder}/out`];
    const file = join(folder, "w.1.launch");
    await writeFile(file, [...launch, `PATH=${process.env["PATH"]}`, ""].join("\0"));
    const mounts = ["below", "kept/below"].map((name) => `mount -t tmpfs none ${repo}/${name}`);
    const script = [...mounts, `exec perl ${LAUNCHER} ${file}`].join(" && ");
    // The mounts are nobody else's, and end with it.
    const answer = await execa("unshare", ["--map-root-user", "--mount", "sh", "-c", script], {
      reject: false,
    });
    const isClosed = (await fenceObstacle(LAUNCHER, folder)) === null;
    const through = isClosed ? ["kept/evil", "kept/below/evil"] : [];
    expect(answer.stdout.split("\n").filter((name) => name.endsWith("evil"))).toEqual(through);
  });
});

describe("what is closed to a reviewer", () => {
  it.each([
    {
      title: "has a host that git ignores",
      config: (path) => [["remote.o.url", `file://nas${path}`]],
    },
    {
      title: "is written with percent signs",
      config: (path) => [["remote.o.url", `file://${path.replace("origin", "%6frigin")}`]],
    },
    {
      title: "is a shorter name for it",
      config: (path) => [
        ["remote.o.url", "gh:git"],
        [`url.${path.replace(/git$/, "")}.insteadOf`, "gh:"],
      ],
    },
    {
      title: "is another one to push to",
      config: (path) => [
        ["remote.o.url", "https://example.invalid/x"],
        ["remote.o.pushurl", path],
      ],
    },
  ] satisfies { title: string; config: (path: string) => string[][] }[])(
    "is the folder that git pushes to when the url $title (RF1)",
    async ({ config }) => {
      const { home, path, origin } = await repositoryWithOrigin();
      await run(path, "remote", "remove", "origin");
      for (const [name = "", value = ""] of config(origin)) {
        // oxlint-disable-next-line no-await-in-loop -- git locks its file
        await run(path, "config", name, value);
      }
      await run(path, "push", "--quiet", "o", "HEAD:refs/heads/pushed");
      expect(await run(origin, "for-each-ref")).toContain("refs/heads/pushed");
      const fence = reviewerFence({ home, launcher: LAUNCHER, personHome: tempFolder() });
      const isClosed = (await fence.obstacle()) === null;
      expect((await fence.pathsFor(path)).includes(`-${origin}`)).toBe(isClosed);
    },
  );

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

  it("is said to leave out a repository that holds the home folder (RF3)", async () => {
    const { home, path } = await repositoryWithOrigin();
    const launcher = join(home, "launch");
    await writeFile(launcher, "exit 0;\n");
    const fence = reviewerFence({ home: join(home, "data"), launcher, personHome: path });
    expect(await fence.isolationOf(path)).toBeUndefined();
    await fence.obstacle();
    expect(await fence.isolationOf(path)).toBe(
      `read-only mounts, but for ${path}, which holds the home folder`,
    );
    expect(await fence.isolationOf(join(home, "another"))).toBe("read-only mounts");
  });

  it("is nothing where the machine cannot, and it says why (RF3)", async () => {
    const { home, path } = await repositoryWithOrigin();
    const launcher = join(home, "launch");
    await writeFile(launcher, 'print "no mounts of its own\\n"; exit 1;\n');
    const fence = reviewerFence({ home, launcher, personHome: home });
    expect(await fence.obstacle()).toBe("no mounts of its own");
    expect(await fence.pathsFor(path)).toEqual([]);
    expect(await fence.isolationOf(path)).toBe("file permissions only: no mounts of its own");
  });
});
