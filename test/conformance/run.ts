import { linesOf, runFile, type CaseReport } from "./report.ts";

// `npm run conformance -- FILE…`: every case of the files against the real machines and host.

const args = process.argv.slice(2);
const files = args.filter((arg) => arg !== "--all");
if (files.length === 0 || files.some((file) => file.startsWith("-"))) {
  process.stderr.write(
    "usage: npm run conformance -- [--all] FILE…\n--all names what does not bind as well\n",
  );
  process.exit(2);
}
const reports: CaseReport[] = [];
for (const file of files) {
  try {
    // oxlint-disable-next-line no-await-in-loop -- one file after the other
    reports.push(...(await runFile(file)));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    reports.push({ id: file, title: "the file itself", isBinding: true, type: "error", message });
  }
}
const lines = linesOf(reports, args.includes("--all"));
process.stdout.write(`${lines.join("\n")}\n`);
process.exitCode = reports.some(({ isBinding, type }) => isBinding && type !== "passed") ? 1 : 0;
