import { bindingExpectation } from "./better.ts";
import {
  isBinding,
  isHead,
  NotOfTheFormat,
  parseCase,
  readCases,
  type Case,
  type Suite,
} from "./cases.ts";
import { isRecord, type Difference } from "./expectation.ts";
import { isGuardRow, runGuardRow } from "./head-guard.ts";
import { isReaperCase, runReaperCase } from "./head-reaper.ts";
import { inModelWords } from "./head-scenarios.ts";
import { isHeadRow, runHeadRow } from "./head-tables.ts";
import { isParity, runParity } from "./parity.ts";
import { isProbeCase, runProbeCase } from "./probes.ts";
import { isSaga, runSaga } from "./sagas.ts";
import { runScenario } from "./scenarios.ts";
import { isOp } from "./steps.ts";
import { isRow, runRow } from "./tables.ts";

// Report
//
// Runs every case of a file and says what became of it: `failed` covers both another outcome and an error.

export type CaseReport = {
  readonly id: string;
  readonly title: string;
  readonly isBinding: boolean;
} & (
  | { readonly type: "passed" }
  | { readonly type: "failed"; readonly differences: readonly Difference[] }
  | { readonly type: "error"; readonly message: string }
);

/** Every case of the file, in its order. Throws when it is no file of cases. */
export async function runFile(path: string): Promise<CaseReport[]> {
  const { suites, listed, mistakes } = readCases(path);
  const wrong = mistakes.map((mistake) => ({
    ...mistake,
    title: "the file itself",
    isBinding: true,
    type: "error" as const,
  }));
  return [...wrong, ...(await runSuites(suites, listed))];
}

/** Every case of some suites, in their order; `listed` are the ops that their file speaks of. */
export async function runSuites(
  suites: readonly Suite[],
  listed: ReadonlySet<string> = new Set(),
): Promise<CaseReport[]> {
  const reports: CaseReport[] = [];
  for (const suite of suites) {
    for (const [index, value] of suite.cases.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- one case after the other: each has the clock to itself
      reports.push(await reportOf(suite, { value, index, listed }));
    }
  }
  return reports;
}

async function reportOf(
  suite: Suite,
  { value, index, listed }: { value: unknown; index: number; listed: ReadonlySet<string> },
): Promise<CaseReport> {
  const told = { isBinding: isBinding(suite), ...namesOf(value, `${suite.id}[${index}]`) };
  try {
    const one = parseCase(value);
    if (one.informative === true) told.isBinding = false;
    checkOps(one, listed);
    const differences = await run(suite, one);
    if (differences.length === 0) return { ...told, type: "passed" };
    return { ...told, type: "failed", differences };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const binds = told.isBinding || error instanceof NotOfTheFormat;
    return { ...told, isBinding: binds, type: "error", message };
  }
}

/** No model has an op that the format does not list. */
function checkOps({ given: { steps } }: Case, listed: ReadonlySet<string>): void {
  if (!Array.isArray(steps)) return;
  for (const step of steps) {
    const op: unknown = isRecord(step) ? step["op"] : undefined;
    if (typeof op === "string" && (isOp(op) || listed.has(op))) continue;
    throw new NotOfTheFormat(`step.op: ${shown(op)} is not known; the file's "ops" lists what is`);
  }
}

function namesOf(value: unknown, otherwise: string): { id: string; title: string } {
  const { id, title }: Record<string, unknown> = isRecord(value) ? value : {};
  return {
    id: typeof id === "string" ? id : otherwise,
    title: typeof title === "string" ? title : "",
  };
}

async function run(suite: Suite, one: Case): Promise<Difference[]> {
  if (isHead(suite)) return runHead(one);
  if (isParity(one)) return runParity(one);
  if (isSaga(one)) return runSaga(one);
  if (isProbeCase(one)) return runProbeCase(one);
  if (suite.kind !== "scenario" && isRow(one)) return runRow(one, suite.id);
  if ("steps" in one.given || "record" in one.given) {
    return runScenario(one, bindingExpectation(one));
  }
  return runRow(one, suite.id);
}

async function runHead(one: Case): Promise<Difference[]> {
  if (isHeadRow(one)) return runHeadRow(one);
  if (isReaperCase(one)) return runReaperCase(one);
  return isGuardRow(one) ? runGuardRow(one) : runScenario(inModelWords(one));
}

/**
 * One line per failing case, what does not bind apart, and the count of what does as the last line. What does not bind is
 * counted in one line, unless `isWhole` wants a line to each case of it that does not hold.
 */
export function linesOf(reports: readonly CaseReport[], isWhole = false): string[] {
  const binding = reports.filter((report) => report.isBinding);
  const failing = binding.filter(({ type }) => type !== "passed");
  const passed = binding.length - failing.length;
  return [
    ...failing.map(lineOf),
    ...informative(reports, isWhole),
    `${passed} passed, ${failing.length} failed`,
  ];
}

function informative(reports: readonly CaseReport[], isWhole: boolean): string[] {
  const others = reports.filter((report) => !report.isBinding);
  if (others.length === 0) return [];
  const count = (type: CaseReport["type"]): number =>
    others.filter((report) => report.type === type).length;
  const [holds, differs, unmapped] = [count("passed"), count("failed"), count("error")];
  const strange = others.filter(({ type }) => type !== "passed");
  return [
    ...(isWhole ? strange.map((report) => `not binding: ${lineOf(report)}`) : []),
    `not binding and not counted: ${others.length} cases of other models, of which ${holds} hold here, ${differs} differ, ${unmapped} speak of what is not here`,
  ];
}

function lineOf(report: CaseReport): string {
  return lineTold(report).replaceAll(/\s+/g, " ");
}

function lineTold(report: CaseReport): string {
  const name = `${report.id} (${report.title})`;
  if (report.type === "error") return `ERROR ${name}: ${report.message}`;
  if (report.type === "passed") return `ok ${name}`;
  const told = report.differences.map(
    ({ key, expected, got }) => `${key}: expected ${shown(expected)}, got ${shown(got)}`,
  );
  return `FAILED ${name}: ${told.join("; ")}`;
}

const SHOWN_CHARS = 300;

function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}
