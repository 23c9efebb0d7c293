import type { ReactNode } from "react";

/** What the looks of boxes and arrows mean. */
export function ChartLegend({
  isFull,
  hasLeft,
}: {
  readonly isFull: boolean;
  readonly hasLeft: boolean;
}): ReactNode {
  return (
    <ul className="chart-legend" aria-label="Legend">
      <li>
        <i className="legend-box" data-look="active" /> is now
      </li>
      {hasLeft && (
        <li>
          <i className="legend-box" data-look="left" /> was so at the agent's end
        </li>
      )}
      <li>
        <i className="legend-step">7</i> went so, in step 7
      </li>
      <li>
        <i className="legend-line" data-look="ready" /> can go now
      </li>
      {!isFull && (
        <li>
          <i className="legend-box" data-look="anywhere" /> reached from many states
        </li>
      )}
    </ul>
  );
}
