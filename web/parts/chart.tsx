import {
  Background,
  Controls,
  Handle,
  Position,
  ReactFlow,
  ReactFlowProvider,
  type Node,
  type NodeHandle,
  type NodeProps,
  type ReactFlowInstance,
} from "@xyflow/react";
import {
  memo,
  useEffect,
  useEffectEvent,
  useMemo,
  useRef,
  useState,
  type ReactNode,
  type RefObject,
} from "react";
import type { ChartNode, Layout } from "../model/answers.ts";
import { drawnArrows, type ChartLight, type Mark } from "../model/chart-light.ts";
import { useKept } from "../model/kept.ts";
import { Arrow, type ArrowEdge } from "./chart-arrow.tsx";
import { ChartLegend } from "./chart-legend.tsx";
import { ChartTip, type Pointed } from "./chart-tip.tsx";
import "@xyflow/react/dist/base.css";
import "../style/chart.css";

// Chart
//
// A placed chart, drawn: states lit, the last step's arrows moving. Where things are is the layout's; it never moves.

export interface ChartProps {
  readonly layout: Layout;
  readonly light: ChartLight;
  readonly onToggle?: (path: string) => void;
  /** Between the outline and the whole of it. */
  readonly onDetail?: () => void;
  readonly isFull?: boolean;
  readonly onSelect?: (path: string) => void;
}

type StateNode = Node<{
  readonly node: ChartNode;
  readonly isActive: boolean;
  readonly isLeft: boolean;
  readonly isInitial: boolean;
  /** How many arrows without a way lead to it. */
  readonly loose: number;
  readonly badge: string | undefined;
  readonly mark: Mark | undefined;
  readonly onToggle: ((path: string) => void) | undefined;
}>;

// Smaller than this, names cannot be read: then a part of the chart is shown.
const READABLE = 0.62;
/** Room for the buttons that lie over the chart. */
const FIT = {
  padding: { top: "46px", right: "56px", bottom: "14px", left: "14px" },
  // A small chart on a large screen is read from further away.
  maxZoom: 3,
} as const;

/** The chart, with pan, zoom and fit. */
export function Chart(props: ChartProps): ReactNode {
  const { layout, light, onToggle, onDetail, isFull = false, onSelect } = props;
  const frame = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<Pointed>();
  const nodes = useKept(useMemo(() => nodesOf(layout, light, onToggle), [layout, light, onToggle]));
  const edges = useKept(useMemo(() => edgesOf(layout, light, pointed), [layout, light, pointed]));
  const fit = useFit({ frame, layout, nodes });
  return (
    <ReactFlowProvider key={`${layout.hash} ${layout.width} ${layout.height}`}>
      <ReactFlow
        ref={frame}
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
        maxZoom={4}
        fitView
        fitViewOptions={FIT}
        onInit={fit.onInit}
        onMoveStart={fit.onMoveStart}
        proOptions={{ hideAttribution: true }}
        onNodeMouseEnter={(_, { type, data }) =>
          setPointed(type === "root" ? undefined : { type: "state", node: data.node })
        }
        onNodeMouseLeave={() => setPointed(undefined)}
        onEdgeMouseEnter={(_, { id }) => {
          const edge = layout.edges.find((each) => each.id === id);
          if (edge !== undefined) setPointed({ type: "arrow", edge });
        }}
        onEdgeMouseLeave={() => setPointed(undefined)}
        onNodeClick={(_, { data }) => onSelect?.(data.node.id)}
      >
        <Background gap={24} size={1} />
        <Controls showInteractive={false} fitViewOptions={FIT} position="bottom-right" />
        {onDetail !== undefined && (
          <button type="button" className="chart-detail" aria-pressed={isFull} onClick={onDetail}>
            All arrows
          </button>
        )}
        <ChartTip pointed={pointed} />
      </ReactFlow>
      {light.hasSteps && <ChartLegend isFull={isFull} hasLeft={(light.left?.size ?? 0) > 0} />}
    </ReactFlowProvider>
  );
}

/**
 * Shows all of the chart where names can be read then, else the states it is in, else its beginning; anew while its room
 * changes, until a hand has moved it.
 */
function useFit({
  frame,
  layout: { width, height },
  nodes,
}: {
  readonly frame: RefObject<HTMLDivElement | null>;
  readonly layout: Layout;
  readonly nodes: readonly StateNode[];
}): {
  readonly onInit: (flow: ReactFlowInstance<StateNode, ArrowEdge>) => void;
  readonly onMoveStart: (event: unknown) => void;
} {
  const flow = useRef<ReactFlowInstance<StateNode, ArrowEdge>>(null);
  const isMoved = useRef(false);
  const fit = useEffectEvent((): void => {
    const { clientWidth, clientHeight } = frame.current ?? { clientWidth: 1, clientHeight: 1 };
    if (isMoved.current || flow.current === null) return;
    const whole = Math.min((clientWidth - 70) / width, (clientHeight - 60) / height);
    const shown = nodes.filter(({ data }) => data.isActive && data.node.id !== "");
    if (whole >= READABLE) void flow.current.fitView(FIT);
    else if (shown.length === 0) void flow.current.setViewport({ x: 14, y: 46, zoom: READABLE });
    else void flow.current.fitView({ ...FIT, nodes: shown, minZoom: READABLE, maxZoom: 1 });
  });
  useEffect(() => {
    const room = new ResizeObserver(() => fit());
    if (frame.current !== null) room.observe(frame.current);
    return () => room.disconnect();
  }, [frame, width, height]);
  return {
    onInit: (made) => {
      flow.current = made;
      isMoved.current = false;
      fit();
    },
    // Moves of our own come without an event.
    onMoveStart: (event) => {
      if (event !== null) isMoved.current = true;
    },
  };
}

function nodesOf(
  { nodes, edges }: Layout,
  { active, left, badges, marks }: ChartLight,
  onToggle: ChartProps["onToggle"],
): StateNode[] {
  const loose = new Map<string, number>();
  const initial = new Set<string>();
  for (const { from, to, points } of edges) {
    if (points.length > 0) continue;
    if (from.endsWith(".start")) initial.add(to);
    else loose.set(to, (loose.get(to) ?? 0) + 1);
  }
  return nodes.map((node) => ({
    id: idOf(node.id),
    type: typeOf(node),
    position: { x: node.x, y: node.y },
    width: node.width,
    height: node.height,
    // Said again with every change, or the library takes it for unknown and draws no arrow.
    measured: { width: node.width, height: node.height },
    handles: HANDLES,
    zIndex: depthOf(node),
    focusable: false,
    data: {
      node,
      isActive: active.has(node.id) && left?.has(node.id) !== true,
      isLeft: left?.has(node.id) === true,
      isInitial: initial.has(node.id),
      loose: loose.get(node.id) ?? 0,
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

// Arrows run above the boxes that hold others, or those would hide them, and behind those that hold none: a straight one
// crosses no name. What is looked at is above all.
const LEVELS = { quiet: 50, ready: 51, trail: 51, taken: 51, pointed: 60 } as const;
const INNERMOST = 55;

function depthOf({ id, type }: ChartNode): number {
  if (id === "") return 0;
  return type === "compound" || type === "parallel" ? id.split(".").length : INNERMOST;
}

function edgesOf(layout: Layout, light: ChartLight, pointed: Pointed): ArrowEdge[] {
  return drawnArrows(layout, light, pointed).map((data) => ({
    id: data.id,
    type: "arrow",
    // Where it really runs, its points say; the library wants a box that is there.
    source: idOf(data.to),
    target: idOf(data.to),
    zIndex: LEVELS[data.look],
    selectable: false,
    data,
  }));
}

const StateBox = memo(function StateBox({ data }: NodeProps<StateNode>): ReactNode {
  const { node, isActive, isLeft, isInitial, loose, badge, mark, onToggle } = data;
  const hasInside = node.isCollapsed || node.type === "compound" || node.type === "parallel";
  return (
    <div
      className="state"
      data-type={node.type}
      data-active={isActive}
      data-left={isLeft}
      data-mark={mark}
      data-collapsed={node.isCollapsed}
      data-anywhere={loose > 0}
      data-path={node.id}
    >
      {isInitial && <i className="state-initial" />}
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

function Nothing(): ReactNode {
  return null;
}

const NODE_TYPES = { state: StateBox, start: StartDot, root: Nothing };
const EDGE_TYPES = { arrow: Arrow };
