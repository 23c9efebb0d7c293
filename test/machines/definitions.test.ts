import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";
import type { Kind } from "../../machines/kind.ts";
import { kinds } from "../../machines/kinds.ts";
import { Settings } from "../../machines/settings.ts";

const Recorded = z.record(z.string(), z.record(z.string(), z.string()));
const file = new URL("definitions.json", import.meta.url);
const recorded = Recorded.parse(JSON.parse(readFileSync(file, "utf8")));
const all = [...kinds(Settings.parse({})).values()];

function hashOf(kind: Kind): string {
  const plain = JSON.stringify(kind.machine.definition, (_, value: unknown) =>
    typeof value === "function" ? "fn" : value,
  );
  return createHash("sha256").update(plain).digest("hex").slice(0, 16);
}

it.each(all)("the chart of $name is the recorded one of its version (R9)", (kind) => {
  const hash = hashOf(kind);
  const known = recorded[kind.name]?.[kind.version];
  expect(
    hash,
    `The chart of ${kind.name} changed (it is ${hash} now), and stored actors would be refused at the next start.
Raise \`version\` in the kind of ${kind.name} to ${kind.version + 1}, add \`migrations: { ${kind.version}: (state) => … }\` that brings a
stored state to the new shape, and add "${kind.version + 1}": "${hash}" to test/machines/definitions.json.
Only a version that no release has written may be recorded anew.`,
  ).toBe(known);
});

it.each(all)("$name can bring every older version up to its own (R9)", (kind) => {
  const older = Array.from({ length: kind.version - 1 }, (_, n) => n + 1);
  expect(Object.keys(kind.migrations ?? {}).map(Number)).toEqual(older);
});
