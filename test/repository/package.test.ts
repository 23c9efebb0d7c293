import { cpSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { tempFolder } from "../support/folder.ts";
import { readManifest } from "../support/manifest.ts";
import { repositoryFiles } from "../support/repository-files.ts";

const Packed = z.array(
  z.object({
    filename: z.string(),
    files: z.array(z.object({ path: z.string(), mode: z.number() })),
  }),
);

const Locked = z.looseObject({ version: z.string(), resolved: z.undefined().optional() });

describe("the package", () => {
  let installed: string;
  let files: z.infer<typeof Packed>[number]["files"];

  // Compiles everything and fetches the dependencies.
  beforeAll(async () => {
    const folder = tempFolder();
    const [packed] = await pack(join(folder, "a checkout"));
    if (packed === undefined) throw new Error("npm pack named no package");
    files = packed.files;
    installed = join(folder, "an installation");
    mkdirSync(installed);
    const tarball = join(folder, "a checkout", packed.filename);
    await npm(installed, ["install", "--prefer-offline", tarball]);
  }, 240_000);

  it("holds compiled code, README and LICENSE, and nothing else", () => {
    const paths = files.map(({ path }) => path);
    const outside = paths.filter((path) => !path.startsWith("dist/")).toSorted();
    expect(outside).toEqual(["LICENSE", "README.md", "package.json"]);
    expect(paths.filter((path) => /\.ts$|\.map$|^dist\/(test|bench)\//.test(path))).toEqual([]);
  });

  it("runs after its installation", async () => {
    const version = await ao(["version"]);
    expect([version.exitCode, version.stdout]).toEqual([0, readManifest().version]);
    const help = await ao(["--help"]);
    expect([help.exitCode, help.stdout.split(" ")[0]]).toEqual([0, "Usage:"]);
  });

  it.each(["launch", "hook"])("keeps bin/%s executable", (name) => {
    const { mode } = statSync(join(installed, "node_modules/ao-runtime/dist/bin", name));
    expect(mode & 0o111).toBe(0o111);
  });

  it("says in one line that Node is too old, before anything else", async () => {
    const old = join(installed, "old-node.cjs");
    writeFileSync(
      old,
      `Object.defineProperty(process, "versions", { value: { node: "20.19.0" } });`,
    );
    const env = { NODE_OPTIONS: `--require=${JSON.stringify(old)}` };
    const { exitCode, stdout, stderr } = await ao(["version"], env);
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^ao: needs Node 22\.18 or newer, but this is 20\.19\.0 \(.*\); run: npm install .*$/,
    );
  });

  async function ao(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    return execa(join(installed, "node_modules/.bin/ao"), args, {
      cwd: "/",
      env: {
        PATH: [dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter),
        HOME: installed,
        ...env,
      },
      extendEnv: false,
      reject: false,
    });
  }
});

describe("package.json", () => {
  const manifest = readManifest();
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies };

  it("names exact versions", () => {
    const loose = Object.entries(wanted).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(loose).toEqual([]);
  });

  it("is what the lockfile was made from, and the lockfile names no addresses", () => {
    const lock = z
      .object({ packages: z.record(z.string(), Locked) })
      .parse(JSON.parse(readFileSync("package-lock.json", "utf8")));
    const { dependencies, devDependencies } = z.looseObject({}).parse(lock.packages[""]);
    expect({ dependencies, devDependencies }).toEqual({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
    });
    const locked = Object.keys(wanted).map((name) => [
      name,
      lock.packages[`node_modules/${name}`]?.version,
    ]);
    expect(Object.fromEntries(locked)).toEqual(wanted);
  });
});

it("needs the same Node in entry.js as in package.json", () => {
  const entry = readFileSync("bin/entry.js", "utf8");
  const [major, minor] = [...entry.matchAll(/NEEDED_M\w+ = (\d+)/g)].map(([, value]) => value);
  expect(`>=${major}.${minor}`).toBe(readManifest().engines.node);
});

async function pack(checkout: string): Promise<z.infer<typeof Packed>> {
  for (const file of await repositoryFiles()) {
    mkdirSync(dirname(join(checkout, file)), { recursive: true });
    cpSync(file, join(checkout, file));
  }
  symlinkSync(resolve("node_modules"), join(checkout, "node_modules"));
  const { stdout } = await npm(checkout, ["pack", "--json"]);
  return Packed.parse(JSON.parse(stdout.slice(stdout.search(/^\[/m))));
}

async function npm(cwd: string, args: readonly string[]) {
  return execa("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], { cwd });
}
