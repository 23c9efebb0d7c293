import type { ReactNode } from "react";
import type { ChartEdge, ChartNode, ChartTransition } from "../model/answers.ts";

/** What the pointer is on. */
export type Pointed =
  | { readonly type: "state"; readonly node: ChartNode }
  | { readonly type: "arrow"; readonly edge: ChartEdge }
  | undefined;

/** Says of what the pointer is on all there is to say, in a corner where it hides nothing. */
export function ChartTip({ pointed }: { readonly pointed: Pointed }): ReactNode {
  if (pointed === undefined) return null;
  if (pointed.type === "arrow") {
    const { from, to, transitions } = pointed.edge;
    if (transitions.length === 0) return null;
    return (
      <div className="chart-tip">
        <strong>
          {placeName(from)} → {to}
        </strong>
        <Transitions transitions={transitions} />
      </div>
    );
  }
  const { node } = pointed;
  return (
    <div className="chart-tip">
      <strong>{node.id}</strong>
      {node.description !== "" && <p>{node.description}</p>}
      {node.hears.length > 0 && (
        <>
          <h3>Heard without leaving</h3>
          <Transitions transitions={node.hears} />
        </>
      )}
    </div>
  );
}

function Transitions({
  transitions,
}: {
  readonly transitions: readonly ChartTransition[];
}): ReactNode {
  return (
    <ul className="mono">
      {transitions.map(({ event, guard, actions }) => (
        <li key={`${event} ${guard} ${actions.join()}`}>
          {event} {guard !== null && <span className="guard">[{guard}]</span>}{" "}
          {actions.length > 0 && <span className="dim">/ {actions.join(", ")}</span>}
        </li>
      ))}
    </ul>
  );
}

function placeName(id: string): string {
  return id.endsWith(".any") ? `any of ${id.slice(0, -4) || "all"}` : id;
}
