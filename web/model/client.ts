// Client
//
// Speaks to the daemon that served this page, and to nobody else.
//
//   J1. The token stands in a header, never in an address; it is kept for this origin, port included.
//   J2. The code of a sign-in link is taken out of the address before anything else happens.

/** What the daemon refused, or that it did not answer (`DAEMON_DOWN`). */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const KEPT_AS = "ao.token";
const signedOut = new Set<() => void>();

/** The token that was kept; null before a sign-in. */
export function keptToken(): string | null {
  return localStorage.getItem(KEPT_AS);
}

/** Called when the daemon no longer takes the token. */
export function onSignedOut(listener: () => void): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

function signOut(): void {
  localStorage.removeItem(KEPT_AS);
  for (const listener of signedOut) listener();
}

/** Spends the code of the address; false when there is none. Fails with a Refusal. */
export async function signInByLink(): Promise<boolean> {
  const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
  if (code === undefined) return false;
  history.replaceState(null, "", location.pathname + location.search);
  await signInByCode(code);
  return true;
}

/** Takes a code, or a whole link with one. Fails with a Refusal. */
export async function signInByCode(text: string): Promise<void> {
  const code = /(?:^|#code=)([\w-]+)$/.exec(text.trim())?.[1] ?? "";
  const { token } = await ask<{ token: string }>("POST", "/web/tokens", { code });
  localStorage.setItem(KEPT_AS, token);
}

/** The daemon's answer, in the shape that its OpenAPI document promises. Fails with a Refusal. */
export async function ask<Answer>(
  method: "GET" | "POST",
  path: string,
  body?: object,
  signal?: AbortSignal,
): Promise<Answer> {
  const response = await send(`/api/v1${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    headers: { ...bearer(), ...(body !== undefined && { "content-type": "application/json" }) },
    ...(signal !== undefined && { signal }),
  });
  const text = await response.text();
  if (!response.ok) throw refusalOf(response, text);
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  const answer: unknown = isJson ? JSON.parse(text) : text;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- page and daemon are of one version
  return answer as Answer;
}

/** The running answer of a stream, and the generation of the store that it is of. */
interface Stream {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly store: string;
}

/** Begins a stream. Fails with a Refusal. */
export async function open(
  path: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Stream> {
  const all = { ...bearer(), ...headers, accept: "text/event-stream" };
  const response = await send(`/api/v1${path}`, { headers: all, signal, cache: "no-store" });
  if (!response.ok || response.body === null) throw refusalOf(response, await response.text());
  return { body: response.body, store: response.headers.get("ao-store") ?? "" };
}

function bearer(): Record<string, string> {
  const token = keptToken();
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new Refusal("DAEMON_DOWN", "The daemon does not answer.", 0);
  }
}

function refusalOf({ status }: Response, text: string): Refusal {
  if (status === 401) signOut();
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked member by member below
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown };
    return new Refusal(String(code), String(message), status);
  } catch {
    return new Refusal("DEFECT", `The daemon answered ${status}.`, status);
  }
}
