// Chart way
//
// An arrow through its corners, as SVG says it. Corners are rounded, so that an eye can follow it through a crossing.

export type Corner = readonly [number, number];

const ROUNDING = 7;

/** The `d` of a path; empty for a way without points. */
export function pathOf(points: readonly Corner[]): string {
  return points
    .map(([x, y], index) => {
      const before = points[index - 1];
      const after = points[index + 1];
      if (before === undefined) return `M${x} ${y}`;
      if (after === undefined) return `L${x} ${y}`;
      const from = near([x, y], before);
      const to = near([x, y], after);
      return `L${from[0]} ${from[1]}Q${x} ${y} ${to[0]} ${to[1]}`;
    })
    .join("");
}

function near([x, y]: Corner, towards: Corner): Corner {
  const [dx, dy] = [towards[0] - x, towards[1] - y];
  const length = Math.hypot(dx, dy) || 1;
  const step = Math.min(ROUNDING, length / 2) / length;
  return [x + dx * step, y + dy * step];
}
