import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  EXCEPTIONS,
  HOMES,
  LAYERS,
  OUTSIDE,
  isLayer,
  mayImport,
  mayUse,
} from "../support/arrow.ts";
import { type Complaint, lint } from "../support/lint.ts";

// The ways to import; lint must see each. One per line, in this order.
const FORMS = [
  (from: string) => `import "${from}";`,
  (from: string) => `import { a } from "${from}";`,
  (from: string) => `import type { A } from "${from}";`,
  (from: string) => `export * from "${from}";`,
  (from: string) => `export const b = await import("${from}");`,
];

describe("lint", () => {
  const files: Record<string, string> = {};
  const expected: Complaint[] = [];
  const imports = (file: string, specifier: string, isFine: boolean): void => {
    files[file] = FORMS.map((form) => form(specifier)).join("\n");
    if (!isFine) expected.push(...FORMS.map((_, index) => `${file}:${index + 1}`));
  };
  for (const from of LAYERS) {
    for (const to of [...LAYERS, ...OUTSIDE]) {
      if (to === from) continue;
      imports(`${from}/${to}.ts`, `../${to}/x.ts`, mayImport(from, to));
      imports(`${from}/deep/${to}.ts`, `../../${to}/x.ts`, mayImport(from, to));
    }
    imports(`${from}/itself.ts`, "./x.ts", true);
    for (const name of [...Object.keys(HOMES), "xstate", "zod", "node:fs", "pino"]) {
      const file = `${from}/uses-${name.replaceAll(/\W/g, "-")}.ts`;
      imports(file, name, mayUse(file, from, name));
    }
  }
  for (const [file, names] of Object.entries(EXCEPTIONS)) {
    for (const name of names) imports(file, name, true);
  }

  let complaints: ReadonlySet<Complaint>;
  beforeAll(async () => {
    complaints = await lint(files, "eslint(no-restricted-imports)");
  });

  it.each([...LAYERS])(
    "refuses what %s/ may not import, in every form, and nothing else",
    (from) => {
      const ofLayer = (all: Iterable<Complaint>): Complaint[] =>
        [...all].filter((complaint) => complaint.startsWith(`${from}/`)).toSorted();
      expect(ofLayer(complaints)).toEqual(ofLayer(expected));
    },
  );

  it("refuses circles of imports, also those of types alone", async () => {
    const tree = {
      "actors/a.ts": 'import { b } from "./b.ts";\nexport type A = typeof b;',
      "actors/b.ts": 'import type { A } from "./a.ts";\nexport const b = 1;\nexport type B = A;',
      "actors/c.ts": 'import type { B } from "./b.ts";\nexport type C = B;',
    };
    const seen = await lint(tree, "import(no-cycle)");
    expect([...seen].toSorted()).toEqual(["actors/a.ts:1", "actors/b.ts:1"]);
  });

  it("refuses time, chance and the world in machines/, and only there", async () => {
    const impure = [
      "export const a = Date.now();",
      "export const b = new Date();",
      "export const c = Math.random();",
      "export const d = process.pid;",
      "export const e = setTimeout;",
      "export const f = crypto.randomUUID();",
      "export const g = performance.now();",
      "export const h = fetch;",
      "export const i = globalThis.Date;",
    ].join("\n");
    const tree = { "machines/impure.ts": impure, "actors/impure.ts": impure };
    const seen = [
      ...(await lint(tree, "eslint(no-restricted-globals)")),
      ...(await lint(tree, "eslint(no-restricted-properties)")),
    ];
    expect(seen.toSorted()).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((line) => `machines/impure.ts:${line}`),
    );
  });
});

// A second witness, which knows nothing of lint: it reads what the files say.
describe("the code", () => {
  const sources = globSync("*/**/*.ts").filter(
    (file) => !/^(node_modules|dist|coverage)\//.test(file),
  );
  const product = sources.filter((file) => isLayer(folderOf(file)));

  it("lies in the folders of the arrow only", () => {
    const others = sources.map(folderOf).filter((folder) => !isLayer(folder));
    expect([...new Set(others)].toSorted()).toEqual(
      OUTSIDE.filter((folder) => others.includes(folder)).toSorted(),
    );
    expect(product.length).toBeGreaterThan(10);
  });

  it("imports along the arrow", () => {
    const wrong = product.flatMap((file) =>
      specifiersOf(file)
        .filter((specifier) => !isAllowed(file, specifier))
        .map((specifier) => `${file} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it("has no circle of imports", () => {
    expect(circles(product)).toEqual([]);
  });

  it("has no two folders side by side that import each other, types neither", () => {
    expect(mutual(globSync("*/**/*.{ts,tsx}").filter((file) => isLayer(folderOf(file))))).toEqual(
      [],
    );
  });
});

function folderOf(file: string): string {
  return file.slice(0, file.indexOf("/"));
}

function specifiersOf(file: string): string[] {
  return specifiersIn(readFileSync(file, "utf8"));
}

function specifiersIn(text: string): string[] {
  const found = text.matchAll(/\b(?:from|import)\s*\(?\s*["']([^"'\n]+)["']/g);
  return [...found].flatMap(([, specifier]) => specifier ?? []);
}

function isAllowed(file: string, specifier: string): boolean {
  const from = folderOf(file);
  if (!isLayer(from)) return false;
  if (!specifier.startsWith(".")) return mayUse(file, from, specifier);
  const target = join(dirname(file), specifier);
  return target.includes("/") ? mayImport(from, folderOf(target)) : target === "package.json";
}

function circles(files: readonly string[]): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(" → "));
      return;
    }
    if (done.has(file)) return;
    done.add(file);
    // What is imported as types alone is gone when the program runs.
    const text = readFileSync(file, "utf8").replaceAll(/^(import|export) type [^;]*;/gm, "");
    for (const specifier of specifiersIn(text).filter((name) => name.startsWith("."))) {
      const target = join(dirname(file), specifier);
      if (files.includes(target)) visit(target, [...path, file]);
    }
  };
  for (const file of files) visit(file, []);
  return found;
}

/** Pairs of folders that import each other, neither of which lies in the other: a folder is wired by what lies above. */
function mutual(files: readonly string[]): string[] {
  const imports = new Map<string, string>();
  for (const file of files) {
    for (const specifier of specifiersOf(file).filter((name) => name.startsWith("."))) {
      const [from, to] = [dirname(file), dirname(join(dirname(file), specifier))];
      const isWithin = `${from}/`.startsWith(`${to}/`) || `${to}/`.startsWith(`${from}/`);
      if (!isWithin) imports.set(`${from} ${to}`, `${file} imports ${specifier}`);
    }
  }
  return [...imports].flatMap(([pair, why]) =>
    imports.has(pair.split(" ").toReversed().join(" ")) ? [why] : [],
  );
}
