import { Failure } from "../../machines/failures.ts";
import { controlClient, type ControlClient } from "./control.ts";
import { findPane, type Pane, type PaneSource } from "./panes.ts";

// Terminal view
//
// Terminals as people look at them: the screen with its history, then every byte that is printed, and what they type.
//
//   V1. A viewer gets the screen once and then every byte after it, in order: nothing twice, nothing left out.
//   V2. All who look at one terminal share one client of tmux; it goes with the last of them.
//   V3. To look changes nothing; only who asks for a size has one, and the largest counts.
//   V4. When the terminal goes while somebody looks, that is told, and nothing is left behind.

export interface Grid {
  readonly columns: number;
  readonly rows: number;
}

/** Somebody who looks. */
export interface Viewer {
  /** The screen, to be drawn where nothing is, and its size. */
  readonly onScreen: (bytes: Buffer, grid: Grid) => void;
  readonly onOutput: (bytes: Buffer) => void;
  readonly onGrid: (grid: Grid) => void;
  /** The terminal is gone. */
  readonly onEnd: () => void;
}

/** What a viewer may do; `taken` is called once tmux has done it, or is gone. */
export interface View {
  type(bytes: Buffer, taken?: () => void): void;
  resize(grid: Grid, taken?: () => void): void;
  /** Draws all of it again: for a viewer that could not keep up. */
  redraw(): void;
  close(): void;
}

export interface TerminalViews {
  /** Fails with PANE_GONE, TMUX_UNREACHABLE. */
  watch(terminal: string, viewer: Viewer): Promise<View>;
}

export interface ViewOptions extends PaneSource {
  readonly cwd: string;
  /** Of the history, how many lines are shown. */
  readonly historyLines: number;
}

/** Views of the terminals of one tmux server. */
export function terminalViews(options: ViewOptions): TerminalViews {
  const screens = new Map<string, Promise<Screen>>();
  const openScreen = async (terminal: string, forget: () => void): Promise<Screen> => {
    const pane = await findPane(options, terminal);
    if (pane === undefined) {
      throw new Failure("PANE_GONE", `watch ${terminal}: there is no such pane`);
    }
    return new Screen(pane, options, forget);
  };
  const screenOf = async (terminal: string): Promise<Screen> => {
    const known = screens.get(terminal);
    if (known !== undefined) return known;
    // One that is going may end when another has its place already.
    const forget = (): void => {
      if (screens.get(terminal) === opened) screens.delete(terminal);
    };
    const opened = openScreen(terminal, forget);
    screens.set(terminal, opened);
    opened.catch(forget);
    return opened;
  };
  return {
    async watch(terminal, viewer) {
      const screen = await screenOf(terminal);
      return (screen.isOver ? await screenOf(terminal) : screen).add(viewer);
    },
  };
}

interface Watching {
  readonly viewer: Viewer;
  /** Sees what is printed: it has had its screen. */
  isLive: boolean;
  grid: Grid | undefined;
}

// Longer lines of keys are sent in parts.
const KEYS_AT_ONCE = 256;

class Screen {
  readonly #pane: Pane;
  readonly #historyLines: number;
  readonly #client: ControlClient;
  readonly #watching = new Set<Watching>();
  readonly #forget: () => void;
  isOver = false;

  constructor(pane: Pane, { tmux, cwd, historyLines }: ViewOptions, forget: () => void) {
    this.#pane = pane;
    this.#historyLines = historyLines;
    this.#forget = forget;
    this.#client = controlClient(
      { argv: tmux.argv, cwd, session: pane.session },
      {
        onOutput: (from, bytes) => {
          if (from !== pane.id) return;
          for (const { isLive, viewer } of this.#watching) if (isLive) viewer.onOutput(bytes);
        },
        onLayout: () => this.#tellGrid(),
        onEnd: () => this.#end(),
      },
    );
  }

  add(viewer: Viewer): View {
    const watching: Watching = { viewer, isLive: false, grid: undefined };
    this.#watching.add(watching);
    this.#draw(watching);
    return {
      type: (bytes, taken) => this.#type(bytes, taken),
      resize: (grid, taken) => {
        watching.grid = grid;
        this.#resize(taken);
      },
      redraw: () => this.#draw(watching),
      close: () => this.#remove(watching),
    };
  }

  /** The place of the cursor, then the screen: what is printed in between is in the second, and is not told. */
  #draw(watching: Watching): void {
    watching.isLive = false;
    let facts: Facts | undefined;
    this.#ask((told) => {
      facts = told;
    });
    const { id } = this.#pane;
    this.#client.command(`capture-pane -p -e -t ${id} -S -${this.#historyLines}`, (lines) => {
      if (facts === undefined || !this.#watching.has(watching)) return;
      watching.viewer.onScreen(drawingOf(lines, facts.place), facts.grid);
      watching.isLive = true;
    });
  }

  #tellGrid(): void {
    this.#ask(({ grid }) => {
      for (const { viewer } of this.#watching) viewer.onGrid(grid);
    });
  }

  #ask(told: (facts: Facts) => void): void {
    this.#client.command(`display-message -p -t ${this.#pane.id} '${FACTS}'`, ([line]) => {
      if (line !== undefined) told(factsOf(line.toString()));
    });
  }

  #type(bytes: Buffer, taken?: () => void): void {
    for (let at = 0; at < bytes.length; at += KEYS_AT_ONCE) {
      const keys = [...bytes.subarray(at, at + KEYS_AT_ONCE)].map((byte) => byte.toString(16));
      const isLast = at + KEYS_AT_ONCE >= bytes.length;
      const command = `send-keys -t ${this.#pane.id} -H ${keys.join(" ")}`;
      this.#client.command(command, isLast ? taken : undefined);
    }
    if (bytes.length === 0) taken?.();
  }

  #resize(taken?: () => void): void {
    const grids = [...this.#watching].flatMap(({ grid }) => grid ?? []);
    if (grids.length === 0) return;
    const columns = Math.max(...grids.map((grid) => grid.columns));
    const rows = Math.max(...grids.map((grid) => grid.rows));
    // Told in any case: tmux says nothing of a size that stays.
    this.#client.command(`refresh-client -C ${columns}x${rows}`, () => {
      this.#tellGrid();
      taken?.();
    });
  }

  #remove(watching: Watching): void {
    this.#watching.delete(watching);
    if (this.#watching.size > 0) {
      this.#resize();
      return;
    }
    this.isOver = true;
    this.#forget();
    this.#client.detach();
  }

  #end(): void {
    this.isOver = true;
    this.#forget();
    const watching = [...this.#watching];
    this.#watching.clear();
    for (const { viewer } of watching) viewer.onEnd();
  }
}

const FACTS = "#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{alternate_on}";

interface Place {
  readonly x: number;
  readonly y: number;
  readonly isAlternate: boolean;
}

interface Facts {
  readonly grid: Grid;
  readonly place: Place;
}

function factsOf(line: string): Facts {
  const [columns = 80, rows = 24, x = 0, y = 0, alternate = 0] = line.split(" ").map(Number);
  return { grid: { columns, rows }, place: { x, y, isAlternate: alternate === 1 } };
}

const ESCAPE = "\u001B";

/** The bytes that draw a captured screen on an empty terminal. */
function drawingOf(lines: readonly Buffer[], { x, y, isAlternate }: Place): Buffer {
  const start = isAlternate ? `${ESCAPE}[?1049h` : "";
  const cursor = `${ESCAPE}[0m${ESCAPE}[${y + 1};${x + 1}H`;
  const text = lines.flatMap((line, index) => (index === 0 ? [line] : [CRLF, line]));
  return Buffer.concat([Buffer.from(start), ...text, Buffer.from(cursor)]);
}

const CRLF = Buffer.from("\r\n");
