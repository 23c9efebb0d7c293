import { useEffect, useState, type FormEvent, type ReactNode } from "react";
import type { Frame, WhatIf } from "../model/answers.ts";
import { ask } from "../model/client.ts";
import { diff, short } from "../model/diff.ts";
import { leavesOf } from "../model/states.ts";
import { Badge } from "./badge.tsx";
import { Changes } from "./context.tsx";

/** Sends a message to a copy of the actor as it was, and shows what would come of it. Nothing happens. */
export function WhatIfForm({
  path,
  frame,
  event,
  onEvent,
}: {
  readonly path: string;
  readonly frame: Frame;
  readonly event: string;
  readonly onEvent: (event: string) => void;
}): ReactNode {
  const types = [...new Set(frame.moves.map((move) => move.event))].toSorted();
  const chosen = event || types[0] || "";
  const { text, setText, answer, problem, submit } = useTrial(path, frame, chosen);
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
        <label htmlFor="what-if-data">Data, as JSON</label>
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

interface Trial {
  readonly text: string;
  readonly setText: (text: string) => void;
  readonly answer: WhatIf | undefined;
  readonly problem: string | undefined;
  readonly submit: (event: FormEvent) => void;
}

function useTrial(path: string, frame: Frame, type: string): Trial {
  const [text, setText] = useState("{}");
  const [answer, setAnswer] = useState<WhatIf>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    setAnswer(undefined);
    setProblem(undefined);
    setText(sampleOf(frame, type));
  }, [type, frame.seq]);
  const submit = (submitted: FormEvent): void => {
    submitted.preventDefault();
    setProblem(undefined);
    tryIt(path, frame.seq, { type, text }).then(setAnswer, (error: unknown) => {
      setAnswer(undefined);
      setProblem(error instanceof Error ? error.message : String(error));
    });
  };
  return { text, setText, answer, problem, submit };
}

async function tryIt(
  path: string,
  seq: number,
  { type, text }: { type: string; text: string },
): Promise<WhatIf> {
  const data: unknown = JSON.parse(text);
  return ask<WhatIf>("POST", `${path}/at/${seq}/what-if`, { type, data });
}

/** What the last message of the type said, when it is the one shown. */
function sampleOf({ step }: Frame, type: string): string {
  return step?.message.type === type ? JSON.stringify(step.message.data, undefined, 2) : "{}";
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
