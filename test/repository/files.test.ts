import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readManifest } from "../support/manifest.ts";
import { repositoryFiles } from "../support/repository-files.ts";

let files: readonly { readonly name: string; readonly text: string }[];
beforeAll(async () => {
  files = (await repositoryFiles()).map((name) => ({ name, text: readFileSync(name, "utf8") }));
});

describe("no file of the repository", () => {
  it.each([
    {
      title: "a package registry's address",
      pattern: /https?:\/\/[^\s/"']*(?:regist|npmjs|artifact|nexus|mirror)/,
    },
    {
      title: "a path of one machine",
      pattern: /(?<![\w.$)}-])\/(?:work|root)\//,
    },
    { title: "a private key", pattern: /-{5}BEGIN [A-Z ]*PRIVATE KEY/ },
    { title: "a mark of an unfinished merge", pattern: /^(?:<{7}|>{7}) / },
  ])("holds $title", ({ pattern }) => {
    const found = files.flatMap(({ name, text }) =>
      text
        .split("\n")
        .flatMap((line, index) => (pattern.test(line) ? [`${name}:${index + 1}`] : [])),
    );
    expect(found).toEqual([]);
  });
});

describe("the documents", () => {
  it("link only to what is there", () => {
    const broken = files
      .filter(({ name }) => name.endsWith(".md"))
      .flatMap(({ name, text }) =>
        [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
          .map(([, target = ""]) => join(dirname(name), target))
          .filter((target) => !existsSync(target))
          .map((target) => `${name} → ${target}`),
      );
    expect(broken).toEqual([]);
  });

  it("give a reason for every dependency, and for no other", () => {
    const table = readFileSync("docs/decisions/0001-dependencies.md", "utf8");
    const explained = [...table.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, name = ""]) => name);
    const { dependencies, devDependencies } = readManifest();
    expect(explained.toSorted()).toEqual(
      [...Object.keys(dependencies), ...Object.keys(devDependencies)].toSorted(),
    );
  });

  it("number the decisions without a gap, each with its number in its title", () => {
    const decisions = files
      .map(({ name }) => name)
      .filter((name) => name.startsWith("docs/decisions/"));
    const numbers = decisions.map((name) => Number(/\/(\d{4})-/.exec(name)?.[1]));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(decisions.map((_, index) => index + 1));
    const titles = decisions.map((name) =>
      Number(/^# (\d+)\. /.exec(readFileSync(name, "utf8"))?.[1]),
    );
    expect(titles).toEqual(numbers);
  });
});
