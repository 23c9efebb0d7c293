import type { ReactNode } from "react";
import type { Frame, OrderEnd, OrderNote } from "../model/answers.ts";
import { actorHref } from "../model/route.ts";
import { clockTime } from "../model/words.ts";
import { Badge } from "./badge.tsx";
import { Tree } from "./context.tsx";

/** The step that led to a frame: its message, what it ordered, and what became of that. */
export function StepFacts({ frame }: { readonly frame: Frame }): ReactNode {
  const { step, ends } = frame;
  if (step === null) return <p className="dim">The journal of this step was pruned.</p>;
  const { message, orders, committedAt, isNoop } = step;
  return (
    <>
      <dl className="facts">
        <dt>message</dt>
        <dd className="mono">
          <strong>{message.type}</strong>
        </dd>
        <dt>committed</dt>
        <dd>{clockTime(committedAt)}</dd>
        {message.from !== undefined && (
          <>
            <dt>from</dt>
            <dd>
              <a href={actorHref(message.from)}>{message.from}</a>
            </dd>
          </>
        )}
        {message.epoch !== undefined && (
          <>
            <dt>epoch</dt>
            <dd>{message.epoch}</dd>
          </>
        )}
        <dt>id</dt>
        <dd className="mono">{message.id}</dd>
      </dl>
      <p>
        <a className="button" href={`/causes/${encodeURIComponent(message.id)}`}>
          Why did this happen?
        </a>
      </p>
      <h3>What it said</h3>
      <Tree value={message.data} changed={NOTHING} />
      <h3>What it ordered</h3>
      <Orders orders={orders} ends={ends} isNoop={isNoop} />
    </>
  );
}

const NOTHING: ReadonlySet<string> = new Set();

function Orders({
  orders,
  ends,
  isNoop,
}: {
  readonly orders: readonly OrderNote[];
  readonly ends: readonly OrderEnd[];
  readonly isNoop: boolean;
}): ReactNode {
  if (orders.length === 0) {
    return <p className="dim">{isNoop ? "Nothing: the step changed nothing." : "Nothing."}</p>;
  }
  const endOf = new Map(ends.map((end) => [end.id, end]));
  return (
    <ul className="orders">
      {orders.map((order) => (
        <li key={order.id}>
          <Order order={order} end={endOf.get(order.id)} />
        </li>
      ))}
    </ul>
  );
}

const END_WORDS = {
  open: "open",
  done: "done",
  failed: "failed",
  arrived: "delivered",
  dead: "failed",
  unknown: "given",
} as const;

function Order({
  order: { id, type, name, to },
  end,
}: {
  readonly order: OrderNote;
  readonly end: OrderEnd | undefined;
}): ReactNode {
  return (
    <>
      <Badge word={END_WORDS[end?.type ?? "unknown"]} /> <strong className="mono">{name}</strong>{" "}
      <span className="dim">{type === "effect" ? "effect" : type}</span>
      {to !== undefined && (
        <>
          {" "}
          to <a href={actorHref(to)}>{to}</a>
        </>
      )}
      <div className="dim">
        {end?.address !== undefined && (
          <>
            ended in <a href={actorHref(end.address, end.seq)}>{`${end.address}#${end.seq}`}</a>
            {end.at !== undefined && ` at ${clockTime(end.at)}`} ·{" "}
          </>
        )}
        <a href={`/causes/${encodeURIComponent(id)}`}>its causes</a>
      </div>
    </>
  );
}
