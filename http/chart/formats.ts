import type { Kind } from "../../machines/kind.ts";
import { describeKind, xstateConfig } from "./chart.ts";
import { chartLayout } from "./layout.ts";
import { mermaid } from "./mermaid.ts";
import { chartSvg } from "./svg.ts";

/** What a chart can be had as. */
export const CHART_FORMATS = ["json", "mermaid", "svg", "xstate"] as const;
export type ChartFormat = (typeof CHART_FORMATS)[number];

/** One statechart: data for `json` and `xstate`, text for the others. */
export async function chartAs(kind: Kind, format: ChartFormat): Promise<unknown> {
  if (format === "json") return describeKind(kind);
  if (format === "xstate") return xstateConfig(kind);
  if (format === "svg") return chartSvg(await chartLayout(kind, new Set()));
  return mermaid(kind);
}
