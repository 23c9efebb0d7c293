import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

// Tour
//
// Commands of a page, run as a person would: in one shell, one after the other, and what it shows compared with what
// it printed.
//
//   U1. In a `sh` block a line after `$ ` is a command, lines after `> ` go on with it, the others are what it prints.
//   U2. `…` stands for any text within its line, alone on a line for any lines. A command without lines prints nothing.
//   U3. What a command writes to standard error is not compared.

/** One command of the page and the lines it shows. */
export interface TourStep {
  readonly command: string;
  readonly shown: readonly string[];
}

/** The commands of every `sh` block of a markdown text, in order (U1). */
export function tourSteps(markdown: string): TourStep[] {
  const blocks = [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, body = ""]) => body);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const [first = "", ...lines] = text.trimEnd().split("\n");
        const end = lines.findIndex((line) => !line.startsWith("> "));
        const more = end === -1 ? lines : lines.slice(0, end);
        return {
          command: [first, ...more.map((line) => line.slice(2))].join("\n"),
          shown: end === -1 ? [] : lines.slice(end),
        };
      }),
  );
}

/** Whether a command printed what the page shows (U2). Runs of spaces are as good as one. */
export function isAsShown(printed: string, shown: readonly string[]): boolean {
  const lines = shown.map((line) =>
    line === "…"
      ? String.raw`(?:[^\n]*\n)*?`
      : `${line
          .split("…")
          .map(patternOf)
          .join(String.raw`[^\n]*`)} *\\n`,
  );
  return new RegExp(`^${lines.join("")}$`).test(`${printed.trimEnd()}\n`.replace(/^\n$/, ""));
}

function patternOf(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/ +/g, " +");
}

interface TourOutcome {
  readonly printed: string;
  /** What it wrote to standard error. */
  readonly remarks: string;
  readonly code: number;
}

export interface TourShell {
  /** Runs one command to its end. */
  run(command: string): Promise<TourOutcome>;
  close(): Promise<void>;
}

/** A shell that keeps its variables from one command to the next. */
export function tourShell(options: { cwd: string; env: NodeJS.ProcessEnv }): TourShell {
  const shell = spawn("bash", ["--norc"], { ...options, stdio: "pipe" });
  const gone = new Promise<void>((resolve) => {
    shell.once("close", () => resolve());
  });
  let remarks = "";
  shell.stderr.setEncoding("utf8").on("data", (text: string) => {
    remarks += text;
  });
  const lines = createInterface({ input: shell.stdout })[Symbol.asyncIterator]();
  return {
    async run(command) {
      shell.stdin.write(`{ ${command}\n} </dev/null\nprintf '\\n%s %s\\n' "${MARK}" "$?"\n`);
      const printed: string[] = [];
      remarks = "";
      for (;;) {
        // oxlint-disable-next-line no-await-in-loop -- until the command is over
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`the shell ended during: ${command}`);
        if (value.startsWith(`${MARK} `)) {
          return { printed: printed.join("\n"), remarks, code: Number(value.slice(MARK.length)) };
        }
        printed.push(value);
      }
    },
    async close() {
      shell.stdin.end();
      await gone;
    },
  };
}

const MARK = "--- end of the command, code";
