import { expect, it } from "vitest";
import { nearest } from "../../machines/nearest.ts";

const NAMES = ["command", "claude-code", "codex", "opencode", "aider"];

it.each([
  { given: "claude", name: "claude-code" },
  { given: "Claude-Code", name: "claude-code" },
  { given: "claud-code", name: "claude-code" },
  { given: "CODEX", name: "codex" },
  { given: "codx", name: "codex" },
  { given: "open-code", name: "opencode" },
  { given: "co", name: undefined },
  { given: "cursor", name: undefined },
  { given: "", name: undefined },
  { given: "x".repeat(10_000), name: undefined },
])("$given is meant for $name", ({ given, name }) => {
  expect(nearest(given, NAMES)).toBe(name);
});
