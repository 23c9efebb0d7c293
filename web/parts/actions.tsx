import { useEffect, useRef, useState, type FormEvent, type ReactNode } from "react";
import { ask } from "../model/client.ts";
import type { Said } from "../model/said.ts";

// Actions
//
// What a person may do with an actor: what the daemon offers, as it stands. Each is asked about first, and nothing is
// drawn before it is committed.

export interface Action {
  readonly name: string;
  /** What will happen, said before it does. */
  readonly question: string;
  readonly isDanger?: boolean;
  readonly path: string;
  readonly body: (text: string) => object;
  /** What the person is asked to write. */
  readonly field?: string;
  /** What it is an answer to. */
  readonly asked?: Said;
}

/** Buttons for what can be done with an actor. */
export function Actions({
  kind,
  id,
  offers,
  isStale,
  said,
}: {
  readonly kind: string;
  readonly id: string;
  readonly offers: readonly string[];
  /** They are of states that it left: what can be done now is being read. */
  readonly isStale: boolean;
  readonly said: Said;
}): ReactNode {
  const [opened, setOpened] = useState<string>();
  const actions = offers.flatMap((offer) => ACTIONS[offer]?.(kind, id, said) ?? []);
  if (actions.length === 0) return null;
  // By its name: what it is about may be loaded after it was opened.
  const open = actions.find(({ name }) => name === opened);
  return (
    <div className="actor-actions">
      {actions.map((action) => (
        <button
          key={action.name}
          type="button"
          className={action.isDanger === true ? "danger" : ""}
          disabled={isStale}
          onClick={() => setOpened(action.name)}
        >
          {action.name} …
        </button>
      ))}
      {open !== undefined && <Confirmation action={open} onClose={() => setOpened(undefined)} />}
    </div>
  );
}

const ACTIONS: Readonly<Record<string, (kind: string, id: string, said: Said) => Action>> = {
  send: (kind, id) => ({
    name: "Send",
    question:
      kind === "objective"
        ? `The text reaches the manager of ${id}.`
        : `The text is typed into the terminal of ${id}, once its agent can take it.`,
    path: `/${kind}s/${id}/send`,
    body: (text) => ({ text }),
    field: "Text",
  }),
  kill: (_, id) => ({
    name: "Kill",
    question: `The agent of ${id} is ended and its worktree removed. Work in it that was not committed is kept, and a restore puts it back.`,
    isDanger: true,
    path: `/sessions/${id}/kill`,
    body: () => ({ kind: "manual" }),
  }),
  restore: (_, id) => ({
    name: "Restore",
    question: `The agent of ${id} is started again in its worktree.`,
    path: `/sessions/${id}/restore`,
    body: () => ({}),
  }),
  review: (_, id) => ({
    name: "Review",
    question: `The open pull requests of ${id} are reviewed, where their heads were not yet.`,
    path: `/sessions/${id}/reviews/trigger`,
    body: () => ({}),
  }),
  answer: (_, id, said) => ({
    name: "Answer",
    asked: said,
    question: "The answer reaches the terminal of whoever asked.",
    path: `/questions/${id}/answer`,
    body: (text) => ({ answer: text }),
    field: "Answer",
  }),
  cancel: (_, id) => ({
    name: "Cancel",
    question: `The objective ${id} is given up, and its manager and workers are ended.`,
    isDanger: true,
    path: `/objectives/${id}/cancel`,
    body: () => ({}),
  }),
  release: (kind, id) => ({
    name: "Release",
    question: `${kind}/${id} takes messages again. What broke its steps may break them again.`,
    path: `/actors/${kind}/${id}/release`,
    body: () => ({}),
  }),
};

/** Asks, does it, and says what became of it. */
export function Confirmation({
  action,
  onClose,
}: {
  readonly action: Action;
  readonly onClose: () => void;
}): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const [text, setText] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setBusy(true);
    ask("POST", action.path, action.body(text)).then(onClose, (error: unknown) => {
      setBusy(false);
      setProblem(error instanceof Error ? error.message : String(error));
    });
  };
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="action-title" onClose={onClose}>
      <h2 id="action-title">{action.name}</h2>
      <p>{action.question}</p>
      <form onSubmit={submit} className="confirm">
        {action.asked !== undefined && <Question asked={action.asked} onChoose={setText} />}
        {action.field !== undefined && (
          <label>
            {action.field}
            <textarea
              name="text"
              required
              rows={4}
              value={text}
              onChange={({ target }) => setText(target.value)}
            />
          </label>
        )}
        {problem !== undefined && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <div className="confirm-buttons">
          <button
            type="submit"
            disabled={isBusy}
            className={action.isDanger ? "danger" : "primary"}
          >
            {isBusy ? "Asking …" : action.name}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Leave it
          </button>
        </div>
      </form>
    </dialog>
  );
}

function Question({
  asked: { question, options },
  onChoose,
}: {
  readonly asked: Said;
  readonly onChoose: (answer: string) => void;
}): ReactNode {
  return (
    <>
      <blockquote className="said">{question}</blockquote>
      {options.length > 0 && (
        <div className="confirm-buttons" role="group" aria-label="Answers">
          {options.map((option) => (
            <button key={option} type="button" onClick={() => onChoose(option)}>
              {option}
            </button>
          ))}
        </div>
      )}
    </>
  );
}
