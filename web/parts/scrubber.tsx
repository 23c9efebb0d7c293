import { useCallback, useEffect, useRef, type ReactNode } from "react";
import type { Tick } from "../model/answers.ts";
import { useTheme } from "../model/theme.ts";

/** The journal as a strip: every step a stroke, a taller one where it moved, another colour where something failed. */
export function Scrubber({
  ticks,
  first,
  last,
  seq,
  onSeq,
}: {
  readonly ticks: readonly Tick[];
  readonly first: number;
  readonly last: number;
  readonly seq: number;
  readonly onSeq: (seq: number) => void;
}): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const strip = useRef({ ticks, first, last });
  strip.current = { ticks, first, last };
  const theme = useTheme();
  const draw = useCallback(() => {
    if (canvas.current !== null) drawTicks(canvas.current, strip.current.ticks, strip.current);
  }, []);
  useEffect(() => {
    const frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, [ticks, first, last, theme]);
  useEffect(() => {
    const observer = new ResizeObserver(draw);
    if (canvas.current !== null) observer.observe(canvas.current);
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      observer.disconnect();
      scheme.removeEventListener("change", draw);
    };
  }, []);
  return (
    <div className="scrubber">
      <canvas ref={canvas} aria-hidden="true" />
      <input
        type="range"
        aria-label="Step"
        aria-valuetext={`step ${seq} of ${last}`}
        min={first}
        max={Math.max(first, last)}
        value={seq}
        onChange={({ target }) => onSeq(Number(target.value))}
      />
    </div>
  );
}

interface Range {
  readonly first: number;
  readonly last: number;
}

function drawTicks(
  canvas: HTMLCanvasElement,
  ticks: readonly Tick[],
  { first, last }: Range,
): void {
  const scale = window.devicePixelRatio;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const colour = (name: string): string => {
    // What light-dark() comes to is known only of a property that is a colour.
    canvas.style.color = `var(--${name})`;
    const value = style.color;
    canvas.style.color = "";
    return value;
  };
  const colours = { quiet: colour("line"), moves: colour("active"), bad: colour("bad") };
  const room = Math.max(1, last - first);
  const thick = Math.max(1, Math.min(4, width / room - 1));
  for (const tick of ticks) {
    // Where the thumb of the slider stands.
    const x = 2.5 + ((tick.seq - first) / room) * (width - 5);
    const tall = tick.isMove || tick.isTrouble ? 26 : tick.isNoop ? 6 : 14;
    context.fillStyle = tick.isTrouble ? colours.bad : tick.isMove ? colours.moves : colours.quiet;
    context.fillRect(x - thick / 2, height - 5 - tall, thick, tall);
  }
}
