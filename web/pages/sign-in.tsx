import { useEffect, useState, type FormEvent, type ReactNode } from "react";
import { signInByCode, signInByLink } from "../model/client.ts";

/** The way in: a link that `ao ui` prints. */
export function SignIn({
  refusal,
  onSignedIn,
}: {
  readonly refusal: string | undefined;
  readonly onSignedIn: () => void;
}): ReactNode {
  const [why, setWhy] = useState(refusal);
  const refuse = (error: unknown): void =>
    setWhy(error instanceof Error ? error.message : String(error));
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const code = new FormData(event.currentTarget).get("code");
    signInByCode(typeof code === "string" ? code : "").then(onSignedIn, refuse);
  };
  // The link pasted into the address of this tab changes its hash alone, and loads nothing.
  useEffect(() => {
    const follow = (): void => {
      signInByLink().then((isIn) => (isIn ? onSignedIn() : undefined), refuse);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  });
  return (
    <main className="sign-in">
      <h1>
        <img src="/icon.svg" alt="" width="32" height="32" /> ao
      </h1>
      <p>
        Run <code>ao ui</code> on the machine of the daemon and open the link that it prints, or
        paste it here. A link signs one browser in, once, within a minute.
      </p>
      <form onSubmit={submit}>
        <label htmlFor="code">Link or code</label>
        <div className="field-row">
          <input id="code" name="code" autoComplete="off" spellCheck={false} required />
          <button type="submit">Sign in</button>
        </div>
      </form>
      {why !== undefined && (
        <p className="problem" role="alert">
          {why}
        </p>
      )}
    </main>
  );
}
