import { useLayoutEffect, useRef, useState, type ReactNode } from "react";

// Long list
//
// A list of which only what can be seen is in the page. Heights are known before anything is drawn, so nothing moves.

export interface LongListProps<Item> {
  readonly items: readonly Item[];
  readonly keyOf: (item: Item) => string;
  /** Pixels. */
  readonly heightOf: (item: Item) => number;
  readonly draw: (item: Item, index: number) => ReactNode;
  readonly label: string;
}

// Drawn beyond the edges, so that a flick of the wheel finds rows there.
const MARGIN = 600;

/** Scrolls with the nearest `data-scrolls`, or with the window. */
export function LongList<Item>({
  items,
  keyOf,
  heightOf,
  draw,
  label,
}: LongListProps<Item>): ReactNode {
  const list = useRef<HTMLUListElement>(null);
  const seen = useWindowOf(list);
  const tops = topsOf(items, heightOf);
  const first = Math.max(0, indexAt(tops, seen.from - MARGIN));
  const last = indexAt(tops, seen.to + MARGIN);
  const shown = items.slice(first, last + 1);
  return (
    <ul ref={list} className="long-list" aria-label={label} style={{ height: tops.at(-1) ?? 0 }}>
      {shown.map((item, offset) => (
        <li
          key={keyOf(item)}
          aria-setsize={items.length}
          aria-posinset={first + offset + 1}
          style={{
            transform: `translateY(${tops[first + offset] ?? 0}px)`,
            height: heightOf(item),
          }}
        >
          {draw(item, first + offset)}
        </li>
      ))}
    </ul>
  );
}

/** Which pixels of the element can be seen in what scrolls it: the nearest `data-scrolls`, or the window. */
function useWindowOf(list: React.RefObject<HTMLElement | null>): { from: number; to: number } {
  const [seen, setSeen] = useState({ from: 0, to: 2_000 });
  useLayoutEffect(() => {
    const scroller = list.current?.closest("[data-scrolls]") ?? null;
    let frame = 0;
    const look = (): void => {
      frame = 0;
      const above = scroller?.getBoundingClientRect().top ?? 0;
      const top = (list.current?.getBoundingClientRect().top ?? 0) - above;
      const height = scroller?.clientHeight ?? window.innerHeight;
      const from = Math.floor(-top / 100) * 100;
      const to = from + Math.ceil(height / 100) * 100 + 100;
      setSeen((was) => (was.from === from && was.to === to ? was : { from, to }));
    };
    const soon = (): void => {
      frame ||= requestAnimationFrame(look);
    };
    look();
    const source = scroller ?? window;
    source.addEventListener("scroll", soon, { passive: true });
    window.addEventListener("resize", soon);
    return () => {
      cancelAnimationFrame(frame);
      source.removeEventListener("scroll", soon);
      window.removeEventListener("resize", soon);
    };
  }, [list]);
  return seen;
}

/** Where each item begins, and where the last one ends. */
function topsOf<Item>(items: readonly Item[], heightOf: (item: Item) => number): number[] {
  const tops = [0];
  let top = 0;
  for (const item of items) {
    top += heightOf(item);
    tops.push(top);
  }
  return tops;
}

/** The last item that begins at or before a pixel. */
function indexAt(tops: readonly number[], pixel: number): number {
  let low = 0;
  let high = Math.max(0, tops.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((tops[middle] ?? 0) <= pixel) low = middle;
    else high = middle - 1;
  }
  return low;
}
