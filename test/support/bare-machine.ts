import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { tempFolder } from "./folder.ts";

/** What a launcher did and said. */
export interface Launch {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A fresh clone with the real launcher, on a machine that has only the programs it is given. */
export interface BareMachine {
  /** Of the clone; there is a space in it. */
  readonly root: string;
  /** Every call of npm, apt-get, brew, systemctl and sudo so far, as "name arguments". */
  calls(): string[];
  /** Puts a program on PATH: lines of sh, or none to be merely there. Takes the place of one of that name. */
  add(name: string, ...lines: readonly string[]): void;
  remove(name: string): void;
  launch(args: readonly string[], options?: LaunchOptions): Promise<Launch>;
}

interface LaunchOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Another path of bin/ao. */
  readonly through?: string;
}

// What any system has.
const ESSENTIAL = [
  "sh",
  "cmp",
  "cp",
  "mv",
  "rm",
  "mkdir",
  "ln",
  "readlink",
  "sleep",
  "env",
  "true",
];

/** Makes one, where `user` runs the launcher and the named programs are there. */
export function bareMachine(user: "root" | "plain", has: readonly string[]): BareMachine {
  const folder = tempFolder();
  const root = join(folder, "a clone");
  const path = join(folder, "path");
  const log = join(folder, "calls");
  const fakes = fakePrograms(path, log);
  const add: BareMachine["add"] = (name, ...lines) => {
    const file = join(path, name);
    rmSync(file, { force: true });
    writeFileSync(file, `#!/bin/sh\n${lines.join("\n")}\n`);
    chmodSync(file, 0o755);
  };

  mkdirSync(path);
  for (const name of ESSENTIAL) symlinkSync(locate(name), join(path, name));
  symlinkSync(process.execPath, join(path, "node"));
  add("id", `echo ${user === "root" ? 0 : 1000}`);
  for (const name of ["npm", ...has]) add(name, ...(fakes[name] ?? []));
  writeClone(root);

  return {
    root,
    calls: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []),
    add,
    remove: (name) => {
      rmSync(join(path, name));
    },
    launch: async (args, { env = {}, cwd = folder, through = join(root, "bin/ao") } = {}) => {
      const { exitCode, stdout, stderr } = await execa(through, args, {
        cwd,
        env: { PATH: path, ...env },
        extendEnv: false,
        reject: false,
      });
      return { code: exitCode, stdout, stderr };
    },
  };
}

function fakePrograms(path: string, log: string): Record<string, readonly string[]> {
  const record = (name: string): string => `echo "${name} $*" >> '${log}'`;
  // Whatever is not an option becomes a program, as with the real ones.
  const install = [
    `for word in "$@"; do`,
    `  case $word in -* | install | update | DPkg*) continue ;; esac`,
    `  cp '${path}/id' "${path}/$word"`,
    `done`,
  ];
  return {
    npm: [
      record("npm"),
      // Long enough for another one to come meanwhile.
      `sleep 0.1`,
      `mkdir -p node_modules/.bin && ln -sf '${process.execPath}' node_modules/.bin/node`,
    ],
    "apt-get": [record("apt-get"), ...install],
    brew: [record("brew"), ...install],
    systemctl: [record("systemctl")],
    sudo: [`shift`, `[ "$1" = true ] || ${record("sudo")}`, `exec "$@"`],
  };
}

function writeClone(root: string): void {
  mkdirSync(join(root, "bin"), { recursive: true });
  for (const name of ["ao", "prepare"]) cpSync(join("bin", name), join(root, "bin", name));
  writeFileSync(join(root, "package-lock.json"), "{}");
  writeFileSync(
    join(root, "bin/entry.js"),
    `process.stdout.write("ran " + process.argv.slice(2).join("|"));`,
  );
}

function locate(name: string): string {
  const found = ["/bin", "/usr/bin"].map((folder) => join(folder, name)).find(existsSync);
  if (found === undefined) throw new Error(`no ${name} in /bin or /usr/bin`);
  return found;
}
