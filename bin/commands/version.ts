import { print, type Output } from "../cli/output.ts";
import { versionOf } from "../version.ts";

export async function tellVersion(output: Output): Promise<void> {
  print(output, { version: versionOf(), node: process.versions.node }, ({ version }) => version);
  return Promise.resolve();
}
