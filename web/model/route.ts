import { useSyncExternalStore } from "react";

// Route
//
// Where the reader is: the address, no more. Links are plain anchors; a click on one of ours does not load the page anew.
//
//   A1. The page before stays until the next one can be drawn: a word that something is loading would stand for a third of
//       a second, which is longer than the loading.

export interface Route {
  readonly path: string;
  /** Decoded parts of the path: `["actors", "session", "mer-1"]`. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

const listeners = new Set<() => void>();
let current = read();
let prepare: Prepare = () => undefined;

/** Gets ready what draws a route, and never fails; undefined when that is there. */
export type Prepare = (route: Route) => Promise<void> | undefined;

/** Asked before each change of the route; resolves once the first route can be drawn. */
export async function prepareBy(by: Prepare): Promise<void> {
  prepare = by;
  await prepare(current);
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, () => current);
}

/** Goes to an address of ours. */
export function go(href: string, options: { replace?: boolean } = {}): void {
  if (options.replace === true) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  changed(() => {
    if (options.replace !== true) window.scrollTo(0, 0);
  });
}

/** Sets members of the query in place; null takes one out. */
export function setQuery(members: Readonly<Record<string, string | null>>): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(members)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  go(location.pathname + (text === "" ? "" : `?${text}`), { replace: true });
}

/** Makes clicks on our own links, and the browser's way back, change the route. */
export function followLinks(): void {
  window.addEventListener("popstate", () => changed());
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || isModified(event)) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || link.target !== "" || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/api/") || link.hasAttribute("download")) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}

export function actorHref(address: string, seq?: number): string {
  const [kind = "", id = ""] = address.split("/");
  const at = seq === undefined ? "" : `?at=${seq}`;
  return `/actors/${encodeURIComponent(kind)}/${encodeURIComponent(id)}${at}`;
}

function isModified({ metaKey, ctrlKey, shiftKey, altKey }: MouseEvent): boolean {
  return metaKey || ctrlKey || shiftKey || altKey;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed(then: () => void = () => {}): void {
  const { href } = location;
  const change = (): void => {
    // Another one was gone to meanwhile.
    if (location.href !== href) return;
    current = read();
    for (const listener of listeners) listener();
    then();
  };
  const preparing = prepare(read());
  if (preparing === undefined) change();
  else void preparing.then(change);
}

function read(): Route {
  const parts = location.pathname.split("/").filter(Boolean).map(decoded);
  return { path: location.pathname, parts, query: new URLSearchParams(location.search) };
}

/** What cannot be decoded stands for itself: it is the address of nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
