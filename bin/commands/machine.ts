import { nearest } from "../../machines/nearest.ts";
import { chartAs, type ChartFormat } from "../../http/chart/formats.ts";
import { Failure } from "../../machines/failures.ts";
import { KINDS } from "../../machines/ids.ts";
import { kinds } from "../../machines/kinds.ts";
import { Settings } from "../../machines/settings.ts";
import { print, type Output } from "../cli/output.ts";

/** A statechart of this program: no daemon is asked. Fails with KIND_UNKNOWN. */
export async function showMachine(
  output: Output,
  name: string,
  format: ChartFormat,
): Promise<void> {
  // What can be set moves no state and no arrow.
  const all = kinds(Settings.parse({}));
  const kind = [...all.values()].find((each) => each.name === name);
  if (kind === undefined) {
    const meant = nearest(name, KINDS);
    const hint = meant === undefined ? "" : `did you mean ${meant}? `;
    throw new Failure(
      "KIND_UNKNOWN",
      `there is no machine ${name}; ${hint}there are ${KINDS.join(", ")}`,
    );
  }
  const machine = await chartAs(kind, format);
  const text =
    typeof machine === "string" ? machine.trimEnd() : JSON.stringify(machine, undefined, 2);
  print(output, machine, () => text);
}
