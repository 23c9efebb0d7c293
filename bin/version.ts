import { existsSync, readFileSync } from "node:fs";

/** The version of this program, from the package.json above it: beside bin/, or above dist/ when compiled. */
export function versionOf(): string {
  const file = ["../package.json", "../../package.json"]
    .map((path) => new URL(path, import.meta.url))
    .find((url) => existsSync(url));
  const parsed: unknown = file === undefined ? {} : JSON.parse(readFileSync(file, "utf8"));
  const version: unknown =
    typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, "version") : undefined;
  return typeof version === "string" ? version : "unknown";
}
