import type { ReactNode } from "react";
import type { ActorState } from "../model/actor.ts";
import type { Frame } from "../model/answers.ts";
import { useNow } from "../model/clock.ts";
import { saidBy } from "../model/said.ts";
import { leavesOf } from "../model/states.ts";
import { brief } from "../model/words.ts";
import { Actions } from "./actions.tsx";
import { Badge } from "./badge.tsx";
import { LinkState } from "./link-state.tsx";

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
      <States actor={actor} frame={frame} isLive={isLive} />
      {(kind === "session" || kind === "terminal") && (
        <a className="button" href={`/terminals?open=${encodeURIComponent(id)}`}>
          Terminal
        </a>
      )}
      <Actions kind={kind} id={id} offers={actor.facts?.offers ?? []} said={said} />
      <LinkState link={actor.link} />
    </header>
  );
}

function States({
  actor,
  frame,
  isLive,
}: {
  readonly actor: ActorState;
  readonly frame: Frame | undefined;
  readonly isLive: boolean;
}): ReactNode {
  const now = useNow();
  const since = new Map(frame?.states.map((state) => [state.path, state.since]));
  return (
    <div className="states">
      {actor.facts?.isQuarantined === true && <Badge word="quarantined" />}
      {leavesOf(isLive ? actor.value : frame?.value).map((path) => {
        const from = since.get(path);
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
