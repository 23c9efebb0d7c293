import { useEffect, useState, type FormEvent, type ReactNode } from "react";
import type { Frame, Step, Tick, WhatIf } from "../model/answers.ts";
import { ask } from "../model/client.ts";
import { diff, short } from "../model/diff.ts";
import { leavesOf } from "../model/states.ts";
import { Badge } from "./badge.tsx";
import { Changes } from "./context.tsx";

/** Sends a message to a copy of the actor as it was, and shows what would come of it. Nothing happens. */
export function WhatIfForm({
  path,
  frame,
  ticks,
  event,
  onEvent,
}: {
  readonly path: string;
  readonly frame: Frame;
  /** Where messages of each type stand: what one of them said is a beginning for the next. */
  readonly ticks: readonly Tick[];
  readonly event: string;
  readonly onEvent: (event: string) => void;
}): ReactNode {
  const types = [...new Set(frame.moves.map((move) => move.event))].toSorted();
  const chosen = event || types[0] || "";
  const sample = sampleOf(ticks, frame.seq, chosen);
  const { text, setText, origin, answer, problem, submit } = useTrial(path, frame.seq, {
    type: chosen,
    sample,
  });
  return (
    <form className="what-if" onSubmit={submit}>
      <p className="dim">
        A copy of the actor after step {frame.seq} takes the message. The actor itself learns
        nothing of it, and no order is carried out.
      </p>
      <div>
        <label htmlFor="what-if-event">Message</label>
        <select id="what-if-event" value={chosen} onChange={({ target }) => onEvent(target.value)}>
          {types.map((type) => (
            <option key={type}>{type}</option>
          ))}
        </select>
      </div>
      <div>
        <label htmlFor="what-if-data">
          Data, as JSON{sample !== undefined && `; first that of step ${sample}`}
          {origin.from !== undefined && `, from ${origin.from}`}
        </label>
        <textarea
          id="what-if-data"
          spellCheck={false}
          value={text}
          onChange={({ target }) => setText(target.value)}
        />
      </div>
      <button type="submit" className="primary">
        See what would happen
      </button>
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {answer !== undefined && <Outcome answer={answer} />}
    </form>
  );
}

type Origin = Pick<Step["message"], "from" | "epoch">;

interface Trial {
  readonly text: string;
  readonly setText: (text: string) => void;
  /** Who sent the message that the text was first taken of. */
  readonly origin: Origin;
  readonly answer: WhatIf | undefined;
  readonly problem: string | undefined;
  readonly submit: (event: FormEvent) => void;
}

function useTrial(
  path: string,
  seq: number,
  { type, sample }: { readonly type: string; readonly sample: number | undefined },
): Trial {
  const [text, setText] = useState("{}");
  const [origin, setOrigin] = useState<Origin>({});
  const [answer, setAnswer] = useState<WhatIf>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    setAnswer(undefined);
    setProblem(undefined);
    setText("{}");
    setOrigin({});
    if (sample === undefined) return undefined;
    const stopped = new AbortController();
    messageAt(path, sample, stopped.signal).then(
      ({ data, from, epoch }) => {
        setText(JSON.stringify(data, undefined, 2));
        setOrigin({ ...(from !== undefined && { from }), ...(epoch !== undefined && { epoch }) });
        return undefined;
      },
      () => {},
    );
    return () => stopped.abort();
  }, [type, seq, sample]);
  const submit = (submitted: FormEvent): void => {
    submitted.preventDefault();
    setProblem(undefined);
    tryIt(path, seq, { type, text, origin }).then(setAnswer, (error: unknown) => {
      setAnswer(undefined);
      setProblem(error instanceof Error ? error.message : String(error));
    });
  };
  return { text, setText, origin, answer, problem, submit };
}

async function tryIt(
  path: string,
  seq: number,
  { type, text, origin }: { type: string; text: string; origin: Origin },
): Promise<WhatIf> {
  const data: unknown = JSON.parse(text);
  return ask<WhatIf>("POST", `${path}/at/${seq}/what-if`, { type, data, ...origin });
}

/** The step whose message of a type is nearest: the last one so far, else the first after it. */
function sampleOf(ticks: readonly Tick[], seq: number, type: string): number | undefined {
  const alike = ticks.filter((tick) => tick.type === type);
  return (alike.findLast((tick) => tick.seq <= seq) ?? alike[0])?.seq;
}

async function messageAt(
  path: string,
  seq: number,
  stopped: AbortSignal,
): Promise<Step["message"]> {
  const { entries }: { entries: readonly Step[] } = await ask(
    "GET",
    `${path}/journal?limit=1&after=${seq - 1}`,
    undefined,
    stopped,
  );
  const [entry] = entries;
  if (entry === undefined) throw new Error(`step ${seq} was pruned`);
  return entry.message;
}

function Outcome({ answer }: { readonly answer: WhatIf }): ReactNode {
  const before = leavesOf(answer.was);
  const after = leavesOf(answer.value);
  const entered = after.filter((path) => !before.includes(path));
  const left = before.filter((path) => !after.includes(path));
  return (
    <section aria-label="What would happen" aria-live="polite">
      {answer.error !== undefined && (
        <p className="problem">The step would throw: {answer.error}</p>
      )}
      {answer.isNoop && answer.error === undefined && (
        <p>Nothing: no state, no context, no order.</p>
      )}
      {entered.length > 0 && (
        <p>
          {left.map((path) => (
            <Badge key={path} word={path} tone="quiet" />
          ))}{" "}
          →{" "}
          {entered.map((path) => (
            <Badge key={path} word={path} tone="active" />
          ))}
        </p>
      )}
      {!answer.isNoop && <Changes changes={diff(answer.contextBefore, answer.context)} />}
      {answer.orders.length > 0 && <h3>It would order</h3>}
      <ul className="orders">
        {answer.orders.map((order) => (
          <li key={JSON.stringify(order)} className="mono">
            {short(order, 240)}
          </li>
        ))}
      </ul>
    </section>
  );
}
