import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { tempFolder } from "./folder.ts";

const Report = z.object({
  diagnostics: z.array(
    z.object({
      code: z.string(),
      filename: z.string(),
      labels: z.array(z.object({ span: z.object({ line: z.number() }) })),
    }),
  ),
});

/** One complaint: "file:line rule". */
export type Complaint = string;

/**
 * Lints a tree of small files under the project's own configuration, without types. What is asked for is every
 * complaint of one rule.
 */
export async function lint(
  files: Readonly<Record<string, string>>,
  rule: string,
): Promise<ReadonlySet<Complaint>> {
  const root = tempFolder();
  copyFileSync(".oxlintrc.json", join(root, ".oxlintrc.json"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const { stdout } = await execa("oxlint", ["--format=json", "."], {
    cwd: root,
    preferLocal: true,
    localDir: import.meta.dirname,
    reject: false,
  });
  const { diagnostics } = Report.parse(JSON.parse(stdout));
  return new Set(
    diagnostics
      .filter(({ code }) => code === rule)
      .map(({ filename, labels }) => `${filename}:${labels[0]?.span.line}`),
  );
}
