import type { Readable, Writable } from "node:stream";
import { execa } from "execa";
import { environment } from "./tmux.ts";

// Terminal control
//
// One client of tmux in control mode (`tmux -C`): commands go in as lines, answers and what panes print come out in one
// order. Owns the protocol. Does not know who looks.
//
//   C1. What a pane printed before a command was answered is told before the answer, and never again after it.
//   C2. Bytes are passed on as they are: tmux writes what is not printable in octal, and that is undone.
//   C3. When the client ends, every command that waits is answered with nothing, and that is told once.
//   C4. Nothing is asked before tmux says that the session is attached: a size that comes earlier is taken and forgotten.

export interface ControlListener {
  /** What a pane printed. */
  readonly onOutput: (pane: string, bytes: Buffer) => void;
  /** A window has another size. */
  readonly onLayout: () => void;
  /** The session is gone, or this client was let go. */
  readonly onEnd: () => void;
}

export interface ControlClient {
  /**
   * `answered` is given the lines of the answer, in its place among what panes print (C1): at once, not a turn later.
   * None when tmux refused, or is gone.
   */
  command(text: string, answered?: (lines: readonly Buffer[]) => void): void;
  /** Lets the session go; the programs in it do not notice. */
  detach(): void;
}

/** Attaches to a session, whose size that changes nothing of. */
export function controlClient(
  { argv, cwd, session }: { argv: readonly string[]; cwd: string; session: string },
  listener: ControlListener,
): ControlClient {
  const [program = "", ...flags] = argv;
  const client = execa(program, [...flags, "-C", "attach-session", "-t", session], {
    cwd,
    env: environment(),
    extendEnv: false,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
    buffer: false,
    encoding: "buffer",
    reject: false,
    // Panes outlive the daemon by themselves; a client of a daemon that is gone looks at nothing.
    cleanup: true,
  });
  const stream = new ControlStream(client.stdin, client.stdout, listener);
  void client.then(() => stream.end());
  return stream;
}

type Answered = (lines: readonly Buffer[]) => void;

interface Block {
  readonly guard: string;
  readonly isOurs: boolean;
  readonly lines: Buffer[];
}

const NEWLINE = 0x0a;

class ControlStream implements ControlClient {
  readonly #stdin: Writable;
  readonly #listener: ControlListener;
  readonly #waiting: Answered[] = [];
  /** What is said once the session is attached (C4). */
  #early: string[] | undefined = [];
  /** The line that ends the answer being read, and its lines so far. */
  #block: Block | undefined;
  #rest: Buffer[] = [];
  #isOver = false;

  constructor(stdin: Writable, stdout: Readable, listener: ControlListener) {
    this.#stdin = stdin;
    this.#listener = listener;
    // Its end is told by the process.
    stdin.on("error", () => {});
    stdout.on("data", (chunk: Buffer) => this.#read(chunk));
    stdout.on("error", () => {});
  }

  command(text: string, answered: Answered = ignore): void {
    if (this.#isOver) {
      answered([]);
      return;
    }
    this.#waiting.push(answered);
    if (this.#early === undefined) this.#write(text);
    else this.#early.push(text);
  }

  detach(): void {
    if (!this.#isOver) this.#stdin.end();
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const answered of this.#waiting) answered([]);
    this.#listener.onEnd();
  }

  #read(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      const line = Buffer.concat([...this.#rest, chunk.subarray(from, at)]);
      this.#rest = [];
      from = at + 1;
      this.#take(line);
    }
    if (from < chunk.length) this.#rest.push(Buffer.from(chunk.subarray(from)));
  }

  #take(line: Buffer): void {
    const block = this.#block;
    if (block !== undefined) {
      this.#takeInBlock(line, block);
      return;
    }
    const [, word = ""] = /^%([a-z-]+)/.exec(line.toString("latin1", 0, 32)) ?? [];
    if (word === "begin") this.#begin(line.toString("latin1"));
    else if (word === "output") this.#tell(line);
    else if (word === "layout-change") this.#listener.onLayout();
    else if (word === "session-changed") this.#attached();
  }

  #attached(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const text of early) this.#write(text);
  }

  /** What is said in one turn goes out as one: tmux then carries it out without reading from a pane in between. */
  #write(text: string): void {
    this.#stdin.cork();
    this.#stdin.write(`${text}\n`);
    process.nextTick(() => this.#stdin.uncork());
  }

  #begin(line: string): void {
    const [, time = "", number = "", flags = ""] = line.split(" ");
    // Answers to what others do at the server have other flags.
    this.#block = { guard: `${time} ${number} ${flags}`, isOurs: flags === "1", lines: [] };
  }

  #takeInBlock(line: Buffer, { guard, isOurs, lines }: Block): void {
    const text = line[0] === 0x25 ? line.toString("latin1") : "";
    const isRefused = text === `%error ${guard}`;
    if (text !== `%end ${guard}` && !isRefused) {
      lines.push(line);
      return;
    }
    this.#block = undefined;
    if (isOurs) this.#waiting.shift()?.(isRefused ? [] : lines);
  }

  #tell(line: Buffer): void {
    const space = line.indexOf(0x20, "%output ".length);
    const pane = line.toString("latin1", "%output ".length, space);
    this.#listener.onOutput(pane, unescaped(line.subarray(space + 1)));
  }
}

function ignore(): void {}

const BACKSLASH = 0x5c;

/** Undoes tmux's octal (C2). */
export function unescaped(text: Buffer): Buffer {
  if (!text.includes(BACKSLASH)) return text;
  const bytes = Buffer.alloc(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    const code = byte === BACKSLASH ? text.toString("latin1", at + 1, at + 4) : "";
    if (/^[0-7]{3}$/.test(code)) {
      bytes[length] = Number.parseInt(code, 8);
      at += 3;
    } else {
      bytes[length] = byte;
    }
    length += 1;
  }
  return bytes.subarray(0, length);
}
