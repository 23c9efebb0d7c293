import { readFileSync } from "node:fs";
import { z } from "zod";

/** What the tests read of package.json. */
export const Manifest = z.object({
  version: z.string(),
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
  engines: z.object({ node: z.string() }),
});

/** package.json of the checkout. */
export function readManifest(): z.infer<typeof Manifest> {
  return Manifest.parse(JSON.parse(readFileSync("package.json", "utf8")));
}
