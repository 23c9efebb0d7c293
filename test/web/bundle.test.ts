import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { bundled } from "../support/browser.ts";

beforeAll(bundled, 120_000);

describe("the bundle", () => {
  const folder = new URL("../../web/bundle/assets/", import.meta.url);
  const size = (name: string): number => gzipSync(readFileSync(new URL(name, folder))).length;

  it("is at most 600 kB, and what the first page needs at most 120 kB (gzip)", () => {
    const files = readdirSync(folder);
    const all = files.reduce((sum, name) => sum + size(name), 0);
    const shell = readFileSync(new URL("../index.html", folder), "utf8");
    const first = files
      .filter((name) => shell.includes(name))
      .reduce((sum, name) => sum + size(name), 0);
    expect(all).toBeLessThan(600_000);
    expect(first).toBeGreaterThan(10_000);
    expect(first).toBeLessThan(120_000);
  });

  it("has chart and terminal apart from the first page", () => {
    const shell = readFileSync(new URL("../index.html", folder), "utf8");
    const scripts = readdirSync(folder).filter((name) => name.endsWith(".js"));
    const holding = (text: string): string[] =>
      scripts.filter((name) => readFileSync(new URL(name, folder), "utf8").includes(text));
    for (const mark of ["react-flow__", "xterm-helper"]) {
      const chunks = holding(mark);
      expect(chunks.length).toBeGreaterThan(0);
      expect(chunks.filter((name) => shell.includes(name))).toEqual([]);
    }
  });
});
