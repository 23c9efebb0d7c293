import { useMemo, type ReactNode } from "react";
import type { ChartEdge, ChartNode, Layout } from "../model/answers.ts";
import type { ChartLight, Mark } from "../model/chart-light.ts";
import { usePolled } from "../model/polled.ts";
import { linesOf } from "../model/ways.ts";
import { count, type Tone } from "../model/words.ts";
import { Badge } from "./badge.tsx";
import { Chart } from "./chart.tsx";
import { Notice } from "./notice.tsx";

interface Diff {
  readonly layout: Layout;
  readonly marks: Readonly<Record<string, Mark>>;
}

const DARK: ChartLight = {
  active: new Set(),
  trail: new Map(),
  takenAt: undefined,
  hasSteps: false,
};

/** Two versions of a chart in one, and beside it in words what differs: a large chart is too small to be read as a whole. */
export function VersionDiff(props: {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
}): ReactNode {
  const { kind, from, to } = props;
  const { answer, failure } = usePolled<Diff>(
    `/machines/${kind}/diff?from=${from}&to=${to}`,
    600_000,
  );
  const light = useMemo(
    () => ({ ...DARK, marks: new Map(Object.entries(answer?.marks ?? {})) }),
    [answer],
  );
  if (answer === undefined) return <Notice title={failure?.message ?? "Comparing …"} />;
  const { size } = light.marks;
  return (
    <>
      <div className="fleet-chart">
        <p className="past">
          {size === 0 ? "Nothing differs" : `${count(size, "difference")} since version ${from}`}
        </p>
        <Chart layout={answer.layout} light={light} isFull />
      </div>
      <div className="members">
        <h2>
          What differs <span className="number">{size}</span>
        </h2>
        <ul data-scrolls tabIndex={0} className="members-list differences">
          {differencesOf(answer).map(({ id, mark, what, says }) => (
            <li key={id}>
              <Badge word={WORDS[mark]} tone={TONES[mark]} /> {what}
              {says.map((line) => (
                <div key={line} className="mono dim">
                  {line}
                </div>
              ))}
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}

const WORDS: Readonly<Record<Mark, string>> = {
  new: "new",
  gone: "gone",
  changed: "says something else",
};
const TONES: Readonly<Record<Mark, Tone>> = { new: "good", gone: "bad", changed: "needs" };

interface Difference {
  readonly id: string;
  readonly mark: Mark;
  readonly what: string;
  readonly says: readonly string[];
}

/** States first, then arrows. */
function differencesOf({ layout: { nodes, edges }, marks }: Diff): Difference[] {
  const marked = (id: string, rest: Omit<Difference, "id" | "mark">): Difference[] => {
    const mark = marks[id];
    return mark === undefined ? [] : [{ id, mark, ...rest }];
  };
  return [
    ...nodes.flatMap((node) => marked(node.id, { what: nameOf(node), says: [] })),
    ...edges.flatMap((edge) => marked(edge.id, { what: wayOf(edge), says: linesOf(edge) })),
  ];
}

function nameOf({ id, type }: Pick<ChartNode, "id" | "type">): string {
  if (id === "") return "the chart itself";
  if (type === "any") return `any state of ${id.replace(/\.?any$/, "") || "the chart"}`;
  return type === "start" ? `the start of ${id.replace(/\.?start$/, "") || "the chart"}` : id;
}

function wayOf({ from, to }: ChartEdge): string {
  return `${shortOf(from)} → ${shortOf(to)}`;
}

function shortOf(id: string): string {
  return id.replace(/(^|\.)any$/, "$1any state").replace(/(^|\.)start$/, "$1start");
}
