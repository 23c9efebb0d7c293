import {
  Background,
  Controls,
  Handle,
  Position,
  ReactFlow,
  ReactFlowProvider,
  type Edge,
  type EdgeProps,
  type Node,
  type NodeHandle,
  type NodeProps,
} from "@xyflow/react";
import { memo, useMemo, useState, type ReactNode } from "react";
import type { ChartEdge, ChartNode, Layout } from "../model/answers.ts";
import { ChartTip, type Pointed } from "./chart-tip.tsx";
import "@xyflow/react/dist/base.css";
import "../style/chart.css";

// Chart
//
// A placed chart, drawn: states lit, the last step's arrows moving. Where things are is the layout's; it never moves.

/** What became of a part between two versions. */
export type Mark = "new" | "gone" | "changed";

/** What is known of the states and arrows besides where they are. */
export interface ChartLight {
  readonly active: ReadonlySet<string>;
  /** Arrows of the step that is shown, and a name for it: a new one is animated. */
  readonly taken: ReadonlySet<string>;
  readonly takenAt: number | undefined;
  /** A word for a state, such as how many are in it. */
  readonly badges?: ReadonlyMap<string, string>;
  /** From 0 to 1: how often an arrow is taken. */
  readonly heat?: ReadonlyMap<string, number>;
  /** For a comparison: what is new, and what is gone. */
  readonly marks?: ReadonlyMap<string, Mark>;
}

export interface ChartProps {
  readonly layout: Layout;
  readonly light: ChartLight;
  readonly onToggle?: (path: string) => void;
  readonly onSelect?: (path: string) => void;
}

type StateNode = Node<{
  readonly node: ChartNode;
  readonly isActive: boolean;
  readonly badge: string | undefined;
  readonly mark: Mark | undefined;
  readonly onToggle: ((path: string) => void) | undefined;
}>;
type ArrowEdge = Edge<{
  readonly edge: ChartEdge;
  readonly takenAt: number | undefined;
  readonly heat: number | undefined;
  readonly mark: Mark | undefined;
}>;

/** The chart, with pan, zoom and fit. */
export function Chart(props: ChartProps): ReactNode {
  const { layout, light, onToggle, onSelect } = props;
  const [pointed, setPointed] = useState<Pointed>();
  const nodes = useMemo(() => nodesOf(layout, light, onToggle), [layout, light, onToggle]);
  const edges = useMemo(() => edgesOf(layout, light), [layout, light]);
  return (
    <ReactFlowProvider key={`${layout.hash} ${layout.width} ${layout.height}`}>
      <ReactFlow
        className="chart"
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        disableKeyboardA11y
        minZoom={0.1}
        maxZoom={2}
        fitView
        fitViewOptions={{ padding: 0.04, maxZoom: 1.25 }}
        proOptions={{ hideAttribution: true }}
        onNodeMouseEnter={(_, { type, data }) =>
          setPointed(type === "root" ? undefined : { type: "state", node: data.node })
        }
        onNodeMouseLeave={() => setPointed(undefined)}
        onEdgeMouseEnter={(_, { data }) => {
          if (data !== undefined) setPointed({ type: "arrow", edge: data.edge });
        }}
        onEdgeMouseLeave={() => setPointed(undefined)}
        onNodeClick={(_, { data }) => onSelect?.(data.node.id)}
      >
        <Background gap={24} size={1} />
        <Controls showInteractive={false} position="bottom-right" />
        <ChartTip pointed={pointed} />
      </ReactFlow>
    </ReactFlowProvider>
  );
}

function nodesOf(
  { nodes }: Layout,
  { active, badges, marks }: ChartLight,
  onToggle: ChartProps["onToggle"],
): StateNode[] {
  return nodes.map((node) => ({
    id: idOf(node.id),
    type: typeOf(node),
    position: { x: node.x, y: node.y },
    width: node.width,
    height: node.height,
    // Said again with every change, or the library takes it for unknown and draws no arrow.
    measured: { width: node.width, height: node.height },
    handles: HANDLES,
    zIndex: node.id === "" ? 0 : node.id.split(".").length,
    focusable: false,
    data: {
      node,
      isActive: active.has(node.id),
      badge: badges?.get(node.id),
      mark: marks?.get(node.id),
      onToggle,
    },
  }));
}

const ROOT = "(root)";

// The library asks where arrows begin and end; ours know by themselves.
const HANDLE = { position: Position.Right, x: 0, y: 0, width: 1, height: 1 };
const HANDLES: NodeHandle[] = [
  { ...HANDLE, type: "source" },
  { ...HANDLE, type: "target" },
];

function idOf(path: string): string {
  return path === "" ? ROOT : path;
}

/** The root is drawn as nothing, and takes the room of all: so that a fit leaves out no label. */
function typeOf({ id, type }: ChartNode): string {
  if (id === "") return "root";
  return type === "start" ? "start" : "state";
}

function edgesOf({ edges }: Layout, { taken, takenAt, heat, marks }: ChartLight): ArrowEdge[] {
  return edges.map((edge) => ({
    id: edge.id,
    type: "arrow",
    source: idOf(edge.from),
    target: idOf(edge.to),
    // Above every box, or an outer one would hide it.
    zIndex: 50,
    selectable: false,
    data: {
      edge,
      takenAt: taken.has(edge.id) ? takenAt : undefined,
      heat: heat?.get(edge.id),
      mark: marks?.get(edge.id),
    },
  }));
}

const StateBox = memo(function StateBox({ data }: NodeProps<StateNode>): ReactNode {
  const { node, isActive, badge, mark, onToggle } = data;
  const hasInside = node.isCollapsed || node.type === "compound" || node.type === "parallel";
  return (
    <div
      className="state"
      data-type={node.type}
      data-active={isActive}
      data-mark={mark}
      data-collapsed={node.isCollapsed}
      data-path={node.id}
    >
      <div className="state-head">
        <span className="state-name">{node.name}</span>
        {badge !== undefined && <span className="state-badge">{badge}</span>}
        {hasInside && onToggle !== undefined && (
          <button
            type="button"
            className="state-toggle nodrag nopan"
            aria-label={`${node.isCollapsed ? "Open" : "Fold"} ${node.name}`}
            onClick={(event) => {
              event.stopPropagation();
              onToggle(node.id);
            }}
          >
            {node.isCollapsed ? "+" : "–"}
          </button>
        )}
      </div>
      <Ends />
      {node.entry.map((line) => (
        <div key={line} className="state-entry">
          ↳ {line}
        </div>
      ))}
    </div>
  );
});

function StartDot(): ReactNode {
  return (
    <div className="start">
      <Ends />
    </div>
  );
}

/** The library looks for these in a box, and draws no arrow to one that has none; ours end where the layout says. */
function Ends(): ReactNode {
  return (
    <>
      <Handle type="source" position={Position.Right} />
      <Handle type="target" position={Position.Left} />
    </>
  );
}

const Arrow = memo(function Arrow({ data }: EdgeProps<ArrowEdge>): ReactNode {
  if (data === undefined) return null;
  const { edge, takenAt, heat, mark } = data;
  const way = wayOf(edge.points);
  const { label } = edge;
  return (
    <g className="arrow" data-taken={takenAt !== undefined} data-mark={mark} data-id={edge.id}>
      <path className="arrow-reach" d={way} />
      <path
        className="arrow-way"
        d={way}
        style={heat === undefined ? {} : { strokeWidth: 1 + heat * 5, opacity: 0.25 + heat * 0.75 }}
      />
      <path className="arrow-head" d={headOf(edge.points)} />
      {takenAt !== undefined && <path key={takenAt} className="arrow-run" d={way} />}
      {label !== null && (
        <g className="arrow-label">
          <rect x={label.x} y={label.y} width={label.width} height={label.height} rx={3} />
          {label.lines.map((line, index) => (
            <text key={line} x={label.x + 6} y={label.y + 13 + index * 15}>
              {line}
            </text>
          ))}
        </g>
      )}
    </g>
  );
});

function Nothing(): ReactNode {
  return null;
}

const NODE_TYPES = { state: StateBox, start: StartDot, root: Nothing };
const EDGE_TYPES = { arrow: Arrow };
const CORNER = 7;

/** The way of an arrow, its corners rounded so that an eye can follow it through a crossing. */
function wayOf(points: ChartEdge["points"]): string {
  return points
    .map(([x, y], index) => {
      const before = points[index - 1];
      const after = points[index + 1];
      if (before === undefined) return `M${x} ${y}`;
      if (after === undefined) return `L${x} ${y}`;
      const [fx, fy] = near([x, y], before);
      const [tx, ty] = near([x, y], after);
      return `L${fx} ${fy}Q${x} ${y} ${tx} ${ty}`;
    })
    .join("");
}

/** A triangle at the end of the way, pointing as its last stretch does. */
function headOf(points: ChartEdge["points"]): string {
  const end = points.at(-1);
  const before = points.at(-2);
  if (end === undefined || before === undefined) return "";
  const length = Math.hypot(end[0] - before[0], end[1] - before[1]) || 1;
  const [dx, dy] = [(end[0] - before[0]) / length, (end[1] - before[1]) / length];
  const [bx, by] = [end[0] - dx * 8, end[1] - dy * 8];
  return `M${end[0]} ${end[1]}L${bx - dy * 4} ${by + dx * 4}L${bx + dy * 4} ${by - dx * 4}Z`;
}

function near(
  [x, y]: readonly [number, number],
  towards: readonly [number, number],
): readonly [number, number] {
  const [dx, dy] = [towards[0] - x, towards[1] - y];
  const length = Math.hypot(dx, dy) || 1;
  const step = Math.min(CORNER, length / 2) / length;
  return [x + dx * step, y + dy * step];
}
