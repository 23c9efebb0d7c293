import type { Edge, EdgeProps } from "@xyflow/react";
import { memo, type ReactNode } from "react";
import type { DrawnArrow } from "../model/chart-light.ts";
import { headOf, type Words } from "../model/ways.ts";

export type ArrowEdge = Edge<DrawnArrow>;

/** An arrow with what it says; the one that was taken last is run along once. */
export const Arrow = memo(function Arrow({ data }: EdgeProps<ArrowEdge>): ReactNode {
  if (data === undefined) return null;
  const { id, points, way, look, words, step, heat, mark } = data;
  return (
    <g className="arrow" data-look={look} data-mark={mark} data-id={id}>
      <path className="arrow-reach" d={way} />
      <path
        className="arrow-way"
        d={way}
        style={heat === undefined ? {} : { strokeWidth: 1 + heat * 5, opacity: 0.5 + heat * 0.5 }}
      />
      <path className="arrow-head" d={headOf(points)} />
      {look === "taken" && <path key={step?.seq} className="arrow-run" d={way} />}
      {words !== undefined && <Said words={words} />}
      {step !== undefined && <StepMark at={step.at} step={step.seq} />}
    </g>
  );
});

function Said({ words: { x, y, width, height, lines } }: { readonly words: Words }): ReactNode {
  return (
    <g className="arrow-label">
      <rect x={x} y={y} width={width} height={height} rx={3} />
      {lines.map((line, index) => (
        <text key={line} x={x + 6} y={y + 13 + index * 15}>
          {line}
        </text>
      ))}
    </g>
  );
}

function StepMark({
  at: [x, y],
  step,
}: {
  readonly at: readonly [number, number];
  readonly step: number;
}): ReactNode {
  const width = String(step).length * 7 + 10;
  return (
    <g className="arrow-step">
      <rect x={x - width / 2} y={y - 8} width={width} height={16} rx={8} />
      <text x={x} y={y + 4} textAnchor="middle">
        {step}
      </text>
    </g>
  );
}
