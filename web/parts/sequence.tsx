import type { ReactNode } from "react";
import type { Cause } from "../model/answers.ts";

// Sequence
//
// A chain of causes as a sequence diagram: a line of life for each actor, an arrow for each link.

const COLUMN = 156;
const LEFT = 80;
const TOP = 64;
const HEAD = 46;
/** So many of a name fit into its box. */
const LETTERS = 18;
const ROW = 46;

/** Where links come from when no actor sent them. */
const OUTSIDE = "outside";

/** The chain, drawn from top to bottom. */
export function Sequence({ causes }: { readonly causes: readonly Cause[] }): ReactNode {
  const arrows = arrowsOf(causes);
  const actors = [...new Set(arrows.flatMap(({ from, to }) => [from, to]))];
  const x = (actor: string): number => LEFT + actors.indexOf(actor) * COLUMN;
  const width = LEFT * 2 + (actors.length - 1) * COLUMN;
  const height = TOP + arrows.length * ROW + 20;
  return (
    // In the size of the page's text, which grows with the screen; not so small that it cannot be read.
    <svg
      viewBox={`0 0 ${width} ${height}`}
      width={`${width / 14}rem`}
      style={{ minWidth: `${width / 17}rem` }}
      role="img"
    >
      <title>The same as a sequence diagram</title>
      {actors.map((actor) => (
        <g key={actor}>
          <line className="life" x1={x(actor)} x2={x(actor)} y1={HEAD} y2={height - 6} />
          <rect
            className="life-head"
            x={x(actor) - 72}
            y={6}
            width={144}
            height={HEAD - 6}
            rx={6}
          />
          <Name actor={actor} x={x(actor)} />
        </g>
      ))}
      {arrows.map((arrow, index) => (
        <Arrow
          key={arrow.id}
          arrow={arrow}
          from={x(arrow.from)}
          to={x(arrow.to)}
          y={TOP + 22 + index * ROW}
        />
      ))}
    </svg>
  );
}

function Name({ actor, x }: { readonly actor: string; readonly x: number }): ReactNode {
  const [kind = "", id] = actor.split("/");
  if (id === undefined) {
    return (
      <text className="life-name" x={x} y={31} textAnchor="middle">
        {actor}
      </text>
    );
  }
  return (
    <>
      <title>{actor}</title>
      <text className="seq-name" x={x} y={21} textAnchor="middle">
        {kind}
      </text>
      <text className="life-name" x={x} y={38} textAnchor="middle">
        {id.length > LETTERS ? `${id.slice(0, LETTERS - 1)}…` : id}
      </text>
    </>
  );
}

interface SequenceArrow {
  readonly id: string;
  readonly name: string;
  readonly type: Cause["type"];
  readonly from: string;
  readonly to: string;
}

function Arrow(props: {
  readonly arrow: SequenceArrow;
  readonly from: number;
  readonly to: number;
  readonly y: number;
}): ReactNode {
  const { arrow, from, to, y } = props;
  const isSelf = from === to;
  const way = isSelf ? `M${from} ${y}h34v14h-28` : `M${from} ${y}H${to > from ? to - 7 : to + 7}`;
  const tip = isSelf ? [from + 6, y + 14, -1] : [to, y, to > from ? 1 : -1];
  const [tx = 0, ty = 0, way1 = 1] = tip;
  return (
    <g data-type={arrow.type}>
      <text
        className="seq-name"
        x={isSelf ? from + 42 : (from + to) / 2}
        y={isSelf ? y + 11 : y - 6}
        textAnchor={isSelf ? "start" : "middle"}
      >
        {arrow.name}
      </text>
      <path className="seq-way" d={way} />
      <path className="seq-head" d={`M${tx} ${ty}l${-8 * way1} -4v8z`} />
    </g>
  );
}

/** Who sent each link to whom: the one before it, unless it came from outside. */
function arrowsOf(causes: readonly Cause[]): SequenceArrow[] {
  return causes.map((cause, index) => {
    const before = causes[index - 1]?.address;
    const to = cause.type === "order" ? OUTSIDE : (cause.address ?? OUTSIDE);
    const isFromOutside = ["observation", "command", "result"].includes(cause.type);
    const self = cause.type === "timer" || cause.type === "order" ? cause.address : undefined;
    const from = isFromOutside ? OUTSIDE : (self ?? before ?? OUTSIDE);
    return { id: cause.id, name: cause.name, type: cause.type, from, to };
  });
}
