import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";
import { Settings } from "../../machines/settings.ts";

const Group = z.object({
  properties: z.record(z.string(), z.object({ default: z.json().optional() })),
});
const Schema = z.object({ properties: z.record(z.string(), Group) });

/** Every key with its default as the page writes it; "none" for one that may be left out. */
function defaults(): [string, string][] {
  const groups = Schema.parse(z.toJSONSchema(Settings)).properties;
  return Object.entries(groups).flatMap(([group, { properties }]) =>
    Object.entries(properties).map(([key, { default: value }]): [string, string] => [
      `${group}.${key}`,
      value === undefined ? "none" : JSON.stringify(value),
    ]),
  );
}

it("tells every key with its default, and no other", () => {
  const page = readFileSync("docs/operations.md", "utf8");
  const section = /^## Settings\n(.*?)^## /ms.exec(page)?.[1] ?? "";
  const told = [...section.matchAll(/^\| `([\w.]+)` +\| ([^|]*?) +\|/gm)].map(
    ([, key = "", value = ""]): [string, string] => [key, value],
  );
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(defaults()));
});
