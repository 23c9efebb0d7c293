import { useMemo, useState, type ReactNode } from "react";
import type { Fleet, Layout } from "../model/answers.ts";
import { useBoard } from "../model/board.ts";
import type { ChartLight, Trace } from "../model/chart-light.ts";
import { useLayout } from "../model/frame.ts";
import { usePolled } from "../model/polled.ts";
import { setQuery, type Route } from "../model/route.ts";
import { arrowsOf } from "../model/states.ts";
import { clockTime, count } from "../model/words.ts";
import { BoardRow, ROW_HEIGHT } from "../parts/board-row.tsx";
import { Chart } from "../parts/chart.tsx";
import { LongList } from "../parts/long-list.tsx";
import { Notice } from "../parts/notice.tsx";
import { VersionDiff } from "../parts/version-diff.tsx";
import "../style/machines.css";

interface Kinds {
  readonly machines: readonly { kind: string; description: string; version: number }[];
}

const EVERY_MS = 2_000;

/** Every kind of actor, and one of them as a whole. */
export function MachinesPage({ route }: { readonly route: Route }): ReactNode {
  const { answer } = usePolled<Kinds>("/machines", 60_000);
  const [, kind = ""] = route.parts;
  return (
    <div className="machines">
      <nav aria-label="Kinds of actors">
        {answer?.machines.map((machine) => (
          <a
            key={machine.kind}
            ref={machine.kind === kind ? intoView : undefined}
            className="kind"
            href={`/machines/${machine.kind}`}
            aria-current={machine.kind === kind ? "page" : undefined}
          >
            <strong>{machine.kind}</strong> <small className="dim">version {machine.version}</small>
            <span className="dim">{machine.description}</span>
          </a>
        ))}
      </nav>
      {kind === "" ? (
        <Notice title="Statecharts" isWhole>
          <p>Choose a kind to see how many of it are where.</p>
        </Notice>
      ) : (
        <FleetView key={kind} kind={kind} route={route} />
      )}
    </div>
  );
}

function intoView(link: HTMLElement | null): void {
  link?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function FleetView({ kind, route }: { readonly kind: string; readonly route: Route }): ReactNode {
  const fleet = usePolled<Fleet>(`/machines/${kind}/fleet`, EVERY_MS);
  const versions = usePolled<{ versions: readonly number[]; current: number }>(
    `/machines/${kind}/versions`,
    60_000,
  );
  const from = Number(route.query.get("from")) || undefined;
  const state = route.query.get("state") ?? "";
  const older = versions.answer?.versions.filter((each) => each !== versions.answer?.current) ?? [];
  return (
    <section className="fleet" aria-label={kind}>
      <header className="fleet-head">
        <h1>{kind}</h1>
        <Summary fleet={fleet.answer} />
        <Comparison from={from} older={older} />
      </header>
      {fleet.failure !== undefined && <p className="problem">{fleet.failure.message}</p>}
      {from === undefined ? (
        <>
          <FleetChart kind={kind} fleet={fleet.answer} />
          <Members kind={kind} state={state} />
        </>
      ) : (
        <VersionDiff kind={kind} from={from} to={versions.answer?.current ?? from} />
      )}
    </section>
  );
}

function Summary({ fleet }: { readonly fleet: Fleet | undefined }): ReactNode {
  if (fleet === undefined) return <span />;
  const since =
    fleet.since === null ? "" : `; arrows are hot by what happened since ${clockTime(fleet.since)}`;
  return (
    <span className="dim">
      {count(fleet.total, "actor")}
      {since}
    </span>
  );
}

function Comparison(props: {
  readonly from: number | undefined;
  readonly older: readonly number[];
}): ReactNode {
  const { from, older } = props;
  return (
    <label>
      Compare with{" "}
      <select
        value={from ?? ""}
        disabled={older.length === 0}
        onChange={({ target }) => setQuery({ from: target.value })}
      >
        <option value="">{older.length === 0 ? "no older version ran here" : "nothing"}</option>
        {older.map((version) => (
          <option key={version} value={version}>
            version {version}
          </option>
        ))}
      </select>
    </label>
  );
}

function FleetChart({ kind, fleet }: { readonly kind: string; readonly fleet: Fleet | undefined }) {
  const [collapsed, setCollapsed] = useState<readonly string[]>([]);
  const [isFull, setFull] = useState(false);
  const layout = useLayout(kind, collapsed, isFull ? "full" : "outline");
  const light = useMemo(() => lightOf(layout.value, fleet), [layout.value, fleet]);
  if (layout.value === undefined) {
    return <Notice title={layout.failure?.message ?? "Laying out the chart …"} />;
  }
  return (
    <div className="fleet-chart">
      <Chart
        layout={layout.value}
        light={light}
        isFull={isFull}
        onDetail={() => setFull((is) => !is)}
        onSelect={(path) => setQuery({ state: path })}
        onToggle={(path) =>
          setCollapsed((was) =>
            was.includes(path) ? was.filter((each) => each !== path) : [...was, path],
          )
        }
      />
    </div>
  );
}

function lightOf(layout: Layout | undefined, fleet: Fleet | undefined): ChartLight {
  const badges = new Map(fleet?.states.map(({ path, count: n }) => [path, String(n)]));
  const heat = new Map<string, number>();
  const trail = new Map<string, Trace>();
  for (const { count: times, ...move } of fleet?.moves ?? []) {
    if (layout === undefined) break;
    for (const [id, from] of arrowsOf(layout, { seq: 0, ...move })) {
      heat.set(id, (heat.get(id) ?? 0) + times);
      trail.set(id, { seq: 0, from });
    }
  }
  const most = Math.max(1, ...heat.values());
  const cold = layout?.edges.map(({ id }) => [id, (heat.get(id) ?? 0) / most] as const) ?? [];
  return { ...DARK, trail, badges, heat: new Map(cold) };
}

const DARK: ChartLight = {
  active: new Set(),
  trail: new Map(),
  takenAt: undefined,
  hasSteps: false,
};

/** The actors of a kind, or those in one state. */
function Members({ kind, state }: { readonly kind: string; readonly state: string }): ReactNode {
  const { lines } = useBoard();
  const members = useMemo(
    () =>
      [...lines.values()].filter(
        (line) =>
          line.kind === kind &&
          (state === "" ||
            line.states.some((path) => path === state || path.startsWith(`${state}.`))),
      ),
    [lines, kind, state],
  );
  return (
    <div className="members">
      <h2>
        {state === "" ? "All of them" : `In ${state}`}{" "}
        <span className="number">{members.length}</span>{" "}
        {state !== "" && (
          <button type="button" onClick={() => setQuery({ state: null })}>
            All
          </button>
        )}
      </h2>
      <div data-scrolls className="members-list">
        <LongList
          label="Actors"
          items={members}
          keyOf={(line) => line.address}
          heightOf={() => ROW_HEIGHT.narrow}
          draw={(line) => <BoardRow line={line} />}
        />
      </div>
    </div>
  );
}
