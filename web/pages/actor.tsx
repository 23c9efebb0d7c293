import { useCallback, useMemo, useState, type ReactNode } from "react";
import { useActor, type ActorState } from "../model/actor.ts";
import type { Frame, Layout } from "../model/answers.ts";
import type { ChartLight, Trace } from "../model/chart-light.ts";
import { diff } from "../model/diff.ts";
import { useLayout, usePast, type Loaded } from "../model/frame.ts";
import { stepAt } from "../model/jumps.ts";
import { setQuery, type Route } from "../model/route.ts";
import { arrowsOf, leftBehind, pathsOf, readyArrows, type Taken } from "../model/states.ts";
import { ActorHead } from "../parts/actor-head.tsx";
import { Chart } from "../parts/chart.tsx";
import { Changes, Tree } from "../parts/context.tsx";
import { Journal } from "../parts/journal.tsx";
import { Moves } from "../parts/moves.tsx";
import { Notice } from "../parts/notice.tsx";
import { Rewind } from "../parts/rewind.tsx";
import { Runs } from "../parts/runs.tsx";
import { StepFacts } from "../parts/step-facts.tsx";
import { Tabs, type Tab } from "../parts/tabs.tsx";
import { Trail } from "../parts/trail.tsx";
import { WaitingFacts } from "../parts/waiting-facts.tsx";
import { WhatIfForm } from "../parts/what-if.tsx";
import "../style/actor.css";

/** One actor: its chart as it is and as it was, and everything that explains it. */
export function ActorPage({ route }: { readonly route: Route }): ReactNode {
  const [, kind = "", id = ""] = route.parts;
  const path = `/actors/${encodeURIComponent(kind)}/${encodeURIComponent(id)}`;
  const { actor, frame, isLive, seq } = useShown(path, Number(route.query.get("at")) || undefined);
  const onSeq = useCallback(
    (to: number | "live") => setQuery({ at: to === "live" ? null : String(to) }),
    [],
  );
  if (actor.failure !== undefined)
    return <Missing address={`${kind}/${id}`} error={actor.failure} />;
  return (
    <div className="actor">
      <ActorHead address={`${kind}/${id}`} actor={actor} frame={frame.value} isLive={isLive} />
      <LiveChart {...{ kind, actor, frame, isLive, seq, onSeq }} />
      <aside className="actor-side" aria-label="Facts">
        {frame.value === undefined ? (
          <p className="tab-panel dim">{frame.failure?.message ?? "Reading …"}</p>
        ) : (
          <Side
            path={path}
            review={["review", "session"].includes(kind) ? id : undefined}
            actor={actor}
            frame={frame.value}
            isLive={isLive}
            onSeq={onSeq}
          />
        )}
      </aside>
      <Rewind
        ticks={actor.ticks}
        areTicksComplete={actor.areTicksComplete}
        last={actor.last}
        seq={seq}
        isLive={isLive}
        onSeq={onSeq}
      />
    </div>
  );
}

/** An actor, and all of it after the step that is asked for; of none, or one that is not yet: the newest. */
function useShown(
  path: string,
  at: number | undefined,
): {
  readonly actor: ActorState;
  readonly frame: Loaded<Frame>;
  readonly isLive: boolean;
  readonly seq: number;
} {
  const actor = useActor(path);
  const isLive = at === undefined || at >= actor.last;
  const past = usePast(path, isLive ? undefined : at);
  const frame = isLive
    ? { value: actor.frame, failure: actor.frameFailure }
    : { value: past.value ?? actor.frame, failure: past.failure };
  return { actor, frame, isLive, seq: isLive ? actor.last : at };
}

function LiveChart({
  kind,
  actor,
  frame: { value: frame, failure },
  isLive,
  seq,
  onSeq,
}: {
  readonly kind: string;
  readonly actor: ActorState;
  readonly frame: Loaded<Frame>;
  readonly isLive: boolean;
  /** The step that is asked for. */
  readonly seq: number;
  readonly onSeq: (seq: number | "live") => void;
}): ReactNode {
  const [collapsed, setCollapsed] = useState<readonly string[]>([]);
  const [isFull, setFull] = useState(false);
  const layout = useLayout(kind, collapsed, isFull ? "full" : "outline");
  const toggle = useCallback(
    (path: string) =>
      setCollapsed((was) =>
        was.includes(path) ? was.filter((each) => each !== path) : [...was, path],
      ),
    [],
  );
  const taken = isLive ? actor.taken : undefined;
  const value = isLive ? actor.value : frame?.value;
  // What is shown first of a large chart is where the actor is.
  const isUnknown = value === undefined && failure === undefined;
  const light = useMemo(
    () => lightOf(layout.value, { kind, value, taken, frame }),
    [layout.value, kind, value, taken, frame],
  );
  return (
    <section className="actor-chart" aria-label="Statechart">
      <Trail frame={frame} onSeq={onSeq} />
      <div className="actor-drawing">
        {!isLive && <Past {...{ frame, failure, seq, onSeq }} />}
        {layout.value === undefined || isUnknown ? (
          <Notice title={layout.failure?.message ?? "Laying out the chart …"} />
        ) : (
          <Chart
            layout={layout.value}
            light={light}
            onToggle={toggle}
            isFull={isFull}
            onDetail={() => setFull((is) => !is)}
          />
        )}
      </div>
    </section>
  );
}

function Past({
  frame,
  failure,
  seq,
  onSeq,
}: {
  readonly frame: Frame | undefined;
  readonly failure: Error | undefined;
  readonly seq: number;
  readonly onSeq: (seq: "live") => void;
}): ReactNode {
  return (
    <p className="past">
      {failure !== undefined && frame?.seq !== seq
        ? `Step ${seq} cannot be read: ${failure.message}`
        : `As it was after step ${frame?.seq ?? seq}`}
      {frame?.divergedAt !== undefined &&
        `, as far as can be told: today's program took step ${frame.divergedAt} elsewhere`}
      <button type="button" onClick={() => onSeq("live")}>
        Back to now
      </button>
    </p>
  );
}

/** What is lit: the states, the way that led there, and what can be taken from there. */
function lightOf(
  layout: Layout | undefined,
  {
    kind,
    value,
    taken,
    frame,
  }: {
    readonly kind: string;
    readonly value: ActorState["value"];
    readonly taken: Taken | undefined;
    readonly frame: Frame | undefined;
  },
): ChartLight {
  const moves: readonly Taken[] = [
    ...(taken === undefined ? [] : [taken]),
    ...(frame?.trail ?? []),
  ];
  const trail = new Map<string, Trace>();
  for (const move of moves) {
    if (layout === undefined) break;
    for (const [id, from] of arrowsOf(layout, move)) {
      if (!trail.has(id)) trail.set(id, { seq: move.seq, from });
    }
  }
  return {
    active: new Set(pathsOf(value)),
    left: leftBehind(kind, value),
    trail,
    takenAt: moves[0]?.seq,
    hasSteps: true,
    ...(layout !== undefined && frame !== undefined && { ready: readyArrows(layout, frame) }),
  };
}

function Side({
  path,
  review,
  actor,
  frame,
  isLive,
  onSeq,
}: {
  readonly path: string;
  /** Whose reviews are told too. */
  readonly review: string | undefined;
  readonly actor: ActorState;
  readonly frame: Frame;
  readonly isLive: boolean;
  readonly onSeq: (seq: number) => void;
}): ReactNode {
  // Of a review people ask first what became of its runs.
  const [tab, setTab] = useState(path.startsWith("/actors/review/") ? "runs" : "now");
  const [event, setEvent] = useState("");
  const tryEvent = useCallback((type: string): void => {
    setEvent(type);
    setTab("what-if");
  }, []);
  const { ticks, last } = actor;
  const tabs: readonly Tab[] = [
    { id: "now", name: "Next", draw: () => <Moves path={path} frame={frame} onTry={tryEvent} /> },
    { id: "step", name: "Step", draw: () => <StepFacts frame={frame} /> },
    { id: "context", name: "Context", draw: () => <Contents frame={frame} /> },
    {
      id: "waits",
      name: "Waits",
      draw: () =>
        actor.frame !== undefined && <WaitingFacts frame={actor.frame} isPast={!isLive} />,
    },
    {
      id: "journal",
      name: "Journal",
      draw: () => <Journal ticks={ticks} seq={frame.seq} onSeq={onSeq} />,
    },
    {
      id: "what-if",
      name: "What if",
      draw: () => <WhatIfForm {...{ path, frame, ticks, event }} onEvent={setEvent} />,
    },
  ];
  const toTime = path.startsWith("/actors/review/")
    ? (time: number) => onSeq(stepAt(ticks, time) ?? frame.last)
    : undefined;
  const runs: Tab = {
    id: "runs",
    name: "Reviews",
    draw: () => <Runs id={review ?? ""} stamp={last} isPast={!isLive} onTime={toTime} />,
  };
  const shown = review === undefined ? tabs : [runs, ...tabs];
  return (
    <>
      <SideStep seq={frame.seq} last={isLive ? last : frame.seq} />
      <Tabs tabs={shown} chosen={tab} onChoose={setTab} />
    </>
  );
}

/** Of which step all below it is. */
function SideStep({ seq, last }: { readonly seq: number; readonly last: number }): ReactNode {
  return (
    <p className="side-step">
      After step {seq}
      {seq < last && ` of ${last}: what is after it is being read`}
    </p>
  );
}

function Contents({ frame }: { readonly frame: Frame }): ReactNode {
  const changes = useMemo(
    () => (frame.before === null ? [] : diff(frame.before.context, frame.context)),
    [frame],
  );
  return (
    <>
      <h3>Changed by step {frame.seq}</h3>
      <Changes changes={changes} />
      <h3>All of it</h3>
      <Tree value={frame.context} changed={new Set(changes.map((change) => change.path))} />
    </>
  );
}

function Missing({
  address,
  error,
}: {
  readonly address: string;
  readonly error: Error;
}): ReactNode {
  return (
    <Notice title={`${address} cannot be shown`} tone="bad" isWhole>
      <p>{error.message}</p>
      <p>
        <a href="/">To the board</a>
      </p>
    </Notice>
  );
}
