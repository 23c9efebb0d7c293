import { FitAddon } from "@xterm/addon-fit";
import { Terminal as Screen } from "@xterm/xterm";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { openTerminal, type TerminalLink } from "../model/mux.ts";
import { allowStyles } from "../model/strict-styles.ts";
import "@xterm/xterm/css/xterm.css";

// Terminal
//
// A terminal as it is, live. Nothing typed reaches it before the keyboard was taken: to look must not be to touch.

type Standing =
  | { readonly type: "opening" }
  | { readonly type: "live" }
  | { readonly type: "lost" }
  | { readonly type: "over"; readonly words: string };

/** One terminal in the page. */
export function Terminal({
  id,
  onClose,
}: {
  readonly id: string;
  readonly onClose: () => void;
}): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const [standing, setStanding] = useState<Standing>({ type: "opening" });
  const [isTyping, setTyping] = useState(false);
  const hands = useRef<Hands>(undefined);
  useEffect(() => {
    if (place.current === null) return undefined;
    const made = drawTerminal(place.current, id, setStanding);
    hands.current = made;
    return () => made.close();
  }, [id]);
  const takesKeys = isTyping && (standing.type === "opening" || standing.type === "live");
  useEffect(() => hands.current?.setTyping(takesKeys), [takesKeys]);
  return (
    <section className="term" data-typing={isTyping} aria-label={`Terminal ${id}`}>
      <header>
        <h2 className="mono">{id}</h2>
        <span className="dim" role="status">
          {WORDS[standing.type]}
        </span>
        <button
          type="button"
          aria-pressed={isTyping}
          disabled={standing.type === "over"}
          onClick={() => setTyping((is) => !is)}
        >
          {isTyping ? "Typing: let go" : "Type"}
        </button>
        <button
          type="button"
          disabled={standing.type !== "live"}
          title="Give the terminal the size of this box"
          onClick={() => hands.current?.fit()}
        >
          Fit
        </button>
        <a className="button" href={`/actors/terminal/${id}`}>
          Chart
        </a>
        <button type="button" onClick={onClose} aria-label={`Close ${id}`}>
          ✕
        </button>
      </header>
      {standing.type === "over" && <p className="term-over">{standing.words}</p>}
      <div className="term-place" ref={place} data-keys="own" />
    </section>
  );
}

const WORDS: Readonly<Record<Standing["type"], string>> = {
  opening: "opening …",
  live: "live",
  lost: "the daemon does not answer; trying again",
  over: "over",
};

interface Hands {
  readonly setTyping: (is: boolean) => void;
  readonly fit: () => void;
  readonly close: () => void;
}

function drawTerminal(
  place: HTMLElement,
  id: string,
  setStanding: (standing: Standing) => void,
): Hands {
  allowStyles();
  const screen = new Screen({
    fontFamily: getComputedStyle(place).getPropertyValue("--mono"),
    // As the page's text, which grows with the screen.
    fontSize: Math.round(
      Number.parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.93,
    ),
    scrollback: 10_000,
    disableStdin: true,
    cursorBlink: false,
    screenReaderMode: false,
    theme: THEME,
  });
  const fit = new FitAddon();
  screen.loadAddon(fit);
  screen.open(place);
  const link: TerminalLink = openTerminal(id, {
    onScreen: (bytes, { columns, rows }) => {
      screen.reset();
      screen.resize(columns, rows);
      screen.write(bytes);
      setStanding({ type: "live" });
    },
    onData: (bytes) => screen.write(bytes),
    onGrid: ({ columns, rows }) => screen.resize(columns, rows),
    onEnd: (words) => setStanding({ type: "over", words }),
    onLink: (isLive) => {
      if (!isLive) setStanding({ type: "lost" });
    },
  });
  screen.onData((text) => link.type(text));
  return {
    setTyping: (is) => {
      screen.options.disableStdin = !is;
      screen.options.cursorBlink = is;
      if (is) screen.focus();
      else screen.blur();
    },
    fit: () => {
      const size = fit.proposeDimensions();
      if (size !== undefined) link.resize({ columns: size.cols, rows: size.rows });
    },
    close: () => {
      link.close();
      screen.dispose();
    },
  };
}

// A terminal is dark in a light page too: agents choose their colours for that.
const THEME = {
  background: "#0d1117",
  foreground: "#d6dde6",
  cursor: "#8ab4ff",
  selectionBackground: "#2b4a7e",
  black: "#24292f",
  red: "#ff8f87",
  green: "#6fd58c",
  yellow: "#f5c864",
  blue: "#8ab4ff",
  magenta: "#d2a8ff",
  cyan: "#76d9e6",
  white: "#d6dde6",
  brightBlack: "#7d8793",
};
