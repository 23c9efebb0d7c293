import { useEffect } from "react";

// Keys
//
// What the keyboard does, and the list of it that `?` shows. A key acts only when nobody types, and a space only where
// it presses nothing.

export interface Shortcut {
  /** As `event.key`, or two after each other: `g b`. */
  readonly keys: string;
  readonly what: string;
  readonly run: () => void;
}

const active: Shortcut[][] = [];
let prefix = "";
let prefixTimer: ReturnType<typeof setTimeout> | undefined;

/** Binds keys for as long as the component lives; those bound later come first. */
export function useKeys(shortcuts: readonly Shortcut[]): void {
  useEffect(() => {
    const own = [...shortcuts];
    active.push(own);
    return () => {
      const index = active.indexOf(own);
      if (index !== -1) active.splice(index, 1);
    };
  }, [shortcuts]);
}

/** What is bound now, each key once. */
export function boundKeys(): readonly Shortcut[] {
  const seen = new Map<string, Shortcut>();
  for (const group of active.toReversed()) {
    for (const shortcut of group) if (!seen.has(shortcut.keys)) seen.set(shortcut.keys, shortcut);
  }
  return [...seen.values()];
}

export function listenToKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event)) return;
    const shortcut = find(`${prefix}${event.key}`) ?? find(event.key);
    setPrefix(shortcut === undefined && hasPrefix(event.key) ? `${event.key} ` : "");
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.run();
  });
}

function isTyping(event: KeyboardEvent): boolean {
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("[data-keys=own]") !== null) return true;
  if (document.querySelector("dialog[open]") !== null) return true;
  if (key === " " && target.closest("button, summary, a") !== null) return true;
  const isField = target.matches("input:not([type=range]), textarea, select");
  if (isField && key === "Escape") {
    // Leaves the field and what stands in it: a browser would empty a search.
    event.preventDefault();
    target.blur();
  }
  return isField;
}

function find(keys: string): Shortcut | undefined {
  for (const group of active.toReversed()) {
    const found = group.find((shortcut) => shortcut.keys === keys);
    if (found !== undefined) return found;
  }
  return undefined;
}

function hasPrefix(key: string): boolean {
  return active.flat().some(({ keys }) => keys.startsWith(`${key} `));
}

function setPrefix(text: string): void {
  clearTimeout(prefixTimer);
  prefix = text;
  if (text !== "") prefixTimer = setTimeout(setPrefix, 1_200, "");
}
