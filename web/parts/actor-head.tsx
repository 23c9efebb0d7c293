import type { ReactNode } from "react";
import type { ActorState } from "../model/actor.ts";
import type { Frame } from "../model/answers.ts";
import { useNow } from "../model/clock.ts";
import { isSame } from "../model/kept.ts";
import { saidBy } from "../model/said.ts";
import { leavesOf, leftBehind } from "../model/states.ts";
import { brief } from "../model/words.ts";
import { Actions } from "./actions.tsx";
import { Badge } from "./badge.tsx";
import { LinkState } from "./link-state.tsx";

// Deeper than any chart.
const STATES_DEEP = 16;

/** Who it is, the states it is in and since when, and what can be done with it. */
export function ActorHead({
  address,
  actor,
  frame,
  isLive,
}: {
  readonly address: string;
  readonly actor: ActorState;
  readonly frame: Frame | undefined;
  readonly isLive: boolean;
}): ReactNode {
  const [kind = "", id = ""] = address.split("/");
  const said = saidBy(frame?.context);
  return (
    <header className="actor-head">
      <h1>
        <span className="dim">{kind}</span> {id}
      </h1>
      {said.title !== "" && <p className="actor-title">{said.title}</p>}
      <States kind={kind} actor={actor} frame={frame} isLive={isLive} />
      {(kind === "session" || kind === "terminal") && (
        <a className="button" href={`/terminals?open=${encodeURIComponent(id)}`}>
          Terminal
        </a>
      )}
      {/* What can be done now is no part of how it was. */}
      <Actions
        kind={kind}
        id={id}
        offers={isLive ? (actor.frame?.present?.offers ?? []) : []}
        isStale={!isSame(actor.frame?.value, actor.value, STATES_DEEP)}
        said={said}
      />
      <LinkState link={actor.link} />
    </header>
  );
}

function States({
  kind,
  actor,
  frame,
  isLive,
}: {
  readonly kind: string;
  readonly actor: ActorState;
  readonly frame: Frame | undefined;
  readonly isLive: boolean;
}): ReactNode {
  const now = useNow();
  const since = new Map(frame?.states.map((state) => [state.path, state.since]));
  const value = isLive ? actor.value : frame?.value;
  const left = leftBehind(kind, value);
  return (
    <div className="states">
      {isLive && actor.frame?.present?.isQuarantined === true && <Badge word="quarantined" />}
      {leavesOf(value).map((path) => {
        const from = since.get(path);
        if (left.has(path)) {
          return (
            <span key={path}>
              <Badge word={path} tone="quiet" /> <small className="dim">at its end</small>
            </span>
          );
        }
        return (
          <span key={path} title={from ? `since step ${from.seq}` : undefined}>
            <Badge word={path} />{" "}
            {from && isLive && <small className="dim">{brief(now - from.at)}</small>}
          </span>
        );
      })}
    </div>
  );
}
