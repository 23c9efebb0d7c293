import { useSyncExternalStore } from "react";

// Theme
//
// Light or dark: what the system says, unless the reader chose.

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEPT_AS = "ao.theme";
const listeners = new Set<() => void>();
let theme: Theme = read();

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => theme,
  );
}

/** The next one of the three. */
export function turnTheme(): void {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  localStorage.setItem(KEPT_AS, theme);
  applyTheme();
  for (const listener of listeners) listener();
}

export function applyTheme(): void {
  document.documentElement.dataset["theme"] = theme;
}

function read(): Theme {
  const kept = localStorage.getItem(KEPT_AS);
  return THEMES.find((name) => name === kept) ?? "system";
}
