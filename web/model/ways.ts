import type { ChartEdge, ChartNode, Layout } from "./answers.ts";

// Ways
//
// Where arrows of a chart run, and where their words stand. Nothing here moves a box.
//
//   W1. An arrow that was given a way keeps it; a loose one goes straight from border to border, when it is drawn.
//   W2. Words stand beside the middle of their arrow, inside of the chart, where they cover neither a box nor other words;
//       else they are left out, and the pointer tells them.

export type Point = readonly [number, number];
export type Points = readonly Point[];

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Words extends Box {
  readonly lines: readonly string[];
}

/** Pixels of a letter and of a line, as the styles have them. */
const LETTER = 6.7;
const LINE = 15;
const GAP = 4;

/** From box to box; undefined when either is not drawn. */
export function straight(layout: Layout, from: string, to: string): Points | undefined {
  const tail = layout.nodes.find(({ id }) => id === from);
  const head = layout.nodes.find(({ id }) => id === to);
  if (tail === undefined || head === undefined) return undefined;
  if (tail === head) return selfWay(tail);
  const [a, b] = [middleOf(tail), middleOf(head)];
  return [border(tail, b), border(head, a)];
}

function selfWay({ x, y, width }: ChartNode): Points {
  const [left, right] = [x + width * 0.35, x + width * 0.65];
  return [
    [left, y],
    [left, y - 14],
    [right, y - 14],
    [right, y],
  ];
}

function middleOf({ x, y, width, height }: Box): Point {
  return [x + width / 2, y + height / 2];
}

/** Where the line from the middle of a box towards a point leaves it. */
function border(box: Box, towards: Point): Point {
  const [cx, cy] = middleOf(box);
  const [dx, dy] = [towards[0] - cx, towards[1] - cy];
  const scale = Math.min(
    dx === 0 ? Number.POSITIVE_INFINITY : (box.width / 2 + 1) / Math.abs(dx),
    dy === 0 ? Number.POSITIVE_INFINITY : (box.height / 2 + 1) / Math.abs(dy),
  );
  return [cx + dx * Math.min(1, scale), cy + dy * Math.min(1, scale)];
}

/** A way from point to point, as SVG says it. */
export function lineOf(points: Points): string {
  return points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join("");
}

/** A triangle at the end of the way, pointing as its last stretch does. */
export function headOf(points: Points): string {
  const end = points.at(-1);
  const before = points.at(-2);
  if (end === undefined || before === undefined) return "";
  const length = Math.hypot(end[0] - before[0], end[1] - before[1]) || 1;
  const [dx, dy] = [(end[0] - before[0]) / length, (end[1] - before[1]) / length];
  const [bx, by] = [end[0] - dx * 8, end[1] - dy * 8];
  return `M${end[0]} ${end[1]}L${bx - dy * 4} ${by + dx * 4}L${bx + dy * 4} ${by - dx * 4}Z`;
}

/** The middle of the longest stretch of a way. */
function middle(points: Points): Point {
  let best: { readonly at: Point; readonly length: number } = { at: [0, 0], length: -1 };
  for (const [index, [x, y]] of points.entries()) {
    const next = points[index + 1];
    if (next === undefined) break;
    const length = Math.hypot(next[0] - x, next[1] - y);
    if (length > best.length) best = { at: [(x + next[0]) / 2, (y + next[1]) / 2], length };
  }
  return best.at;
}

/** Where the number of a step stands on its way: on no box, if there is such a place. */
export function markPlace(points: Points, boxes: readonly Box[]): Point {
  const best = middle(points);
  if (points.length !== 2) return best;
  const [[x, y], [tx, ty]] = [points[0] ?? best, points[1] ?? best];
  const places = PARTS.map((part): Point => [x + (tx - x) * part, y + (ty - y) * part]);
  const isFree = ([left, top]: Point): boolean =>
    boxes.every((box) => !overlap(box, { x: left - 6, y: top - 5, width: 12, height: 10 }));
  return places.find(isFree) ?? best;
}

const PARTS = [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8] as const;

export interface Asked {
  readonly id: string;
  readonly points: Points;
  readonly lines: readonly string[];
  /** They are what is looked at: they stand, whatever they cover. */
  readonly isSure: boolean;
}

/** Room in a chart of that size for the words of arrows, those that come first first (W2). */
export function placeWords(
  chart: Pick<Box, "width" | "height">,
  boxes: readonly Box[],
  asked: readonly Asked[],
): Map<string, Words> {
  const placed = new Map<string, Words>();
  for (const { id, points, lines, isSure } of asked) {
    const [x, y] = middle(points);
    const width = Math.max(0, ...lines.map((line) => line.length)) * LETTER + 12;
    const height = lines.length * LINE + 4;
    const places: readonly Point[] = [
      [x + 9, y - height / 2],
      [x - width - 9, y - height / 2],
      [x - width / 2, y - height - 8],
      [x - width / 2, y + 8],
    ];
    const taken: readonly Box[] = [...boxes, ...placed.values()];
    const free = places.find(
      ([left, top]) =>
        Math.min(left, top) >= 0 &&
        left + width <= chart.width &&
        top + height <= chart.height &&
        taken.every((box) => !overlap(box, { x: left, y: top, width, height })),
    );
    const place = free ?? (isSure ? places[0] : undefined);
    if (place !== undefined) {
      placed.set(id, { x: place[0], y: place[1], width, height, lines });
    }
  }
  return placed;
}

function overlap(a: Box, b: Box): boolean {
  return (
    a.x < b.x + b.width + GAP &&
    b.x < a.x + a.width + GAP &&
    a.y < b.y + b.height + GAP &&
    b.y < a.y + a.height + GAP
  );
}

const MOST_LINES = 3;

/** What an arrow says: a line for each transition, and how many more there are. */
export function linesOf({ transitions }: ChartEdge): string[] {
  const lines = [
    ...new Set(
      transitions.map(({ event, guard }) => (guard === null ? event : `${event} [${guard}]`)),
    ),
  ];
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES - 1), `… ${lines.length - MOST_LINES + 1} more`];
}
