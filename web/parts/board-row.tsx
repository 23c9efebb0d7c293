import type { ReactNode } from "react";
import type { Json, Line } from "../model/answers.ts";
import { useNow } from "../model/clock.ts";
import { actorHref } from "../model/route.ts";
import { toneOfLine } from "../model/sections.ts";
import { brief, plain } from "../model/words.ts";
import { Badge } from "./badge.tsx";

/** Pixels; the list reckons with them before anything is drawn. */
export const ROW_HEIGHT = { wide: 40, narrow: 66, heading: 44 } as const;

/** One actor: how it stands, what it is, why, since when, what is next. */
export function BoardRow({ line }: { readonly line: Line }): ReactNode {
  const now = useNow();
  const { address, id, title, status, reason, since, next, facts } = line;
  const branch = textOf(facts["branch"]);
  const number = facts["number"];
  const hasMore = next !== null || branch !== "";
  const coming = next === null ? "" : `in ${brief(next.at - now)}: ${next.what}`;
  // What is there has the room of what is not.
  const lacks = [reason === "" && "why", !hasMore && "more"].filter(Boolean).join(" ");
  return (
    <a className="row" href={actorHref(address)} data-address={address} data-lacks={lacks}>
      <span className="row-status">
        <Badge word={line.isQuarantined ? "quarantined" : status} tone={toneOfLine(line)} />
      </span>
      <span className="row-title">
        <strong>{title}</strong>{" "}
        {!title.split(" ").includes(id) && <span className="dim">{id}</span>}
      </span>
      {reason !== "" && (
        <span className="row-why" title={reason}>
          {plain(reason)}
        </span>
      )}
      {hasMore && (
        <>
          <span className="row-next" title={coming}>
            {coming}
          </span>
          <span className="row-where mono" title={branch}>
            {typeof number === "number" && <span className="pull">#{number}</span>} {branch}
          </span>
        </>
      )}
      <span className="row-since" title={new Date(since).toISOString()}>
        {brief(now - since)}
      </span>
    </a>
  );
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
