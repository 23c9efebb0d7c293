import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "../../machines/failures.ts";
import type { Adapter } from "../adapter.ts";
import type { TerminalParts } from "./destroy.ts";
import { findPane, isStill } from "./panes.ts";
import type { Pane } from "./panes.ts";
import { writePrivate } from "../private-file.ts";
import type { Incarnation } from "./records.ts";
import type { TmuxCall } from "./tmux.ts";

// Terminal text
//
// Types text into a pane once per delivery, whenever the daemon is killed.
//
//   T1. The server itself decides in one command list: it pastes and notes the delivery, or does neither.
//       Nothing that was true of the pane a moment ago is relied on.
//   T2. Text that was pasted is never pasted again; then only Enter is missing. Enter is pressed once as well.
//   T3. The text reaches the client as an open file: were it a pipe, half of it would look whole to tmux
//       when the daemon is killed while writing.
//   T4. A dead pane is never pasted into: tmux before 3.4 crashes on it, and with it the whole fleet.
//   T5. Of the control characters only tab and newline reach the pane: an escape could end the bracketed paste.
//   T6. What a user does to the view changes nothing: copy mode would swallow Enter and unbracket the paste.
//   T8. What has more than 8 KiB, or a line of more than 4,095 bytes, is put into a file, for its owner alone, and one line
//       that names the file is typed: a TUI takes a long paste apart, or takes minutes for it, and of a longer line the
//       kernel gives a program that reads lines no more.
//   T7. The last 64 deliveries of a pane are remembered, in the pane.

const REMEMBERED = 64;
const ID_CHARACTERS = 32;

/** Types text, then Enter after `pauseMs`: without the pause a TUI takes Enter for a part of the paste. */
export function typist(parts: TerminalParts, pauseMs: number): Adapter<"typeText"> {
  return async ({ terminal, epoch, deliveryId, text, submit }, { signal }) => {
    const tried = `type ${deliveryId} into ${terminal} at epoch ${epoch}`;
    const pane = await writablePane(parts, { terminal, epoch, tried, signal });
    const id = createHash("sha256").update(deliveryId).digest("hex").slice(0, ID_CHARACTERS);
    const keys = { parts, pane, id, tried };
    const short = await shortened(parts, { terminal, epoch, deliveryId }, printable(text));
    const first = await paste(keys, short, signal);
    if (first === "sent" || (first === "pasted" && !submit)) return { repeated: true };
    if (!submit) return { repeated: false };
    // From here on the signal is not heeded: an Enter that never comes is worse than a late answer.
    await wait(pauseMs);
    return { repeated: (await enter(keys)) === "sent" };
  };
}

const TYPED_BYTES = 8_192;
/** `N_TTY_BUF_SIZE` of Linux less the newline. */
const LINE_BYTES = 4_095;

/** The text, or the line that is typed in its place (T8). Written again, the file is the same. */
async function shortened(
  { records }: TerminalParts,
  { deliveryId, ...of }: Incarnation & { readonly deliveryId: string },
  text: string,
): Promise<string> {
  if (Buffer.byteLength(text) <= TYPED_BYTES && longestLine(text) <= LINE_BYTES) return text;
  const path = await records.keepMessage(of, deliveryId, text);
  return `Read all of the file ${path} and do what it says: it is a message to you, too long to be typed.`;
}

/** Bytes of its longest line. */
function longestLine(text: string): number {
  return text.split("\n").reduce((most, line) => Math.max(most, Buffer.byteLength(line)), 0);
}

/** Text as a pane may be given it: CR LF and CR are newlines, other control characters are dropped. */
export function printable(text: string): string {
  const lines = text.replaceAll(/\r\n?/g, "\n");
  // oxlint-disable-next-line eslint/no-control-regex -- control characters are what it is about
  return lines.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}

async function writablePane(
  parts: TerminalParts,
  {
    terminal,
    epoch,
    tried,
    signal,
  }: { terminal: string; epoch: number; tried: string; signal: AbortSignal },
): Promise<Pane> {
  const pane = await findPane(parts, terminal, signal);
  if (!pane) throw new Failure("PANE_GONE", `${tried}: there is no such pane`);
  if (pane.epoch !== epoch)
    throw new Failure("PANE_FOREIGN", `${tried}: the pane has epoch ${pane.epoch}`);
  // A background child can hold the pane open after its program is gone.
  if (pane.isDead || (await parts.records.exit(pane)))
    throw new Failure("PANE_GONE", `${tried}: its program has ended`);
  return pane;
}

interface Keys {
  readonly parts: TerminalParts;
  readonly pane: Pane;
  /** The delivery, as 32 hexadecimal digits. */
  readonly id: string;
  readonly tried: string;
}

type Said = "typed" | "pasted" | "sent";

async function paste(keys: Keys, text: string, signal: AbortSignal): Promise<Said> {
  const { pane, parts } = keys;
  const note = noting(keys, "@ao_pasted");
  // An empty buffer does not exist for tmux.
  if (text === "") {
    return said(keys, script(keys, { sent: "", pasted: "", neither: note }), { signal });
  }
  const buffer = `ao-${randomUUID()}`;
  const drop = `delete-buffer -b ${buffer} ; `;
  const steps = script(keys, {
    sent: drop,
    pasted: drop,
    neither: `copy-mode -q -t ${pane.id} ; paste-buffer -p -d -b ${buffer} -t ${pane.id} ; ${note}`,
  });
  const path = join(parts.home, "terminals", `${buffer}.draft`);
  await writePrivate(path, text);
  const stdin = createReadStream(path);
  try {
    await once(stdin, "open");
    await rm(path, { force: true });
    return await said(keys, ["load-buffer", "-b", buffer, "-", ";", ...steps], { signal, stdin });
  } catch (error) {
    // The pane was gone or another's, and the text is with a server that goes on.
    if (error instanceof Failure && error.code !== "TMUX_UNREACHABLE")
      await parts.tmux.run(["delete-buffer", "-b", buffer]).catch(() => {});
    throw error;
  } finally {
    stdin.destroy();
  }
}

async function enter(keys: Keys): Promise<Said> {
  const { id } = keys.pane;
  const press = `copy-mode -q -t ${id} ; send-keys -t ${id} Enter ; ${noting(keys, "@ao_sent")}`;
  return said(keys, script(keys, { sent: "", pasted: press, neither: press }), {});
}

/** Commands that append the delivery to one of the pane's lists and let the oldest fall out. */
function noting({ pane, id }: Keys, list: "@ao_pasted" | "@ao_sent"): string {
  const kept = (REMEMBERED - 1) * (ID_CHARACTERS + 1);
  return `set-option -p -F -t ${pane.id} ${list} '#{=-${kept}:${list}} ${id}' ; `;
}

function say(word: Said | "gone" | "foreign"): string {
  return `display-message -p ${word}`;
}

/** A command that does what fits the state of the pane at the moment it runs, and prints which that was. */
function script(keys: Keys, does: { sent: string; pasted: string; neither: string }): string[] {
  const { pane, id } = keys;
  const when = (condition: string, yes: string, no: string) =>
    `if-shell -F -t ${pane.id} '${condition}' { ${yes} } { ${no} }`;
  const delivery = when(
    `#{m:*${id}*,#{@ao_sent}}`,
    `${does.sent}${say("sent")}`,
    when(
      `#{m:*${id}*,#{@ao_pasted}}`,
      `${does.pasted}${say("pasted")}`,
      `${does.neither}${say("typed")}`,
    ),
  );
  const command = when(isStill(pane), when("#{pane_dead}", say("gone"), delivery), say("foreign"));
  return ["if-shell", "-F", "1", command];
}

async function said(keys: Keys, args: readonly string[], call: TmuxCall): Promise<Said> {
  const answer = await keys.parts.tmux.run(args, call);
  const word = answer.type === "done" ? answer.stdout.trim() : answer.type;
  if (word === "typed" || word === "pasted" || word === "sent") return word;
  if (word === "foreign")
    throw new Failure("PANE_FOREIGN", `${keys.tried}: pane ${keys.pane.id} is another's by now`);
  if (word === "gone" || word === "no-target" || word === "no-server") {
    throw new Failure("PANE_GONE", `${keys.tried}: pane ${keys.pane.id} ended meanwhile`);
  }
  throw new Failure(
    "TMUX_UNREACHABLE",
    `${keys.tried}: tmux said ${"message" in answer ? answer.message : word}`,
  );
}
