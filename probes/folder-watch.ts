import { type FSWatcher, watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { setTimeout } from "node:timers/promises";

// Folder watch
//
// Looks when something has changed in some folders, and at nothing while nothing has. Owns the watching and the rhythm;
// what is looked at, and who is told, is the probe's.
//
//   F1. The folders are watched before each look, so a change during a look leads to another look.
//   F2. Looks never overlap, and one look serves all changes of the last `settleMs`.
//   F3. A folder may be missing, appear, disappear and come back: until it is there, its nearest ancestor is watched.
//   F4. A look that fails is repeated, ever more slowly, up to the anti-entropy interval.
//   F5. When nothing changes nothing runs, but for one look every `everyMs`.

/** A folder whose changes matter. */
export interface Folder {
  readonly path: string;
  /** Which names in it matter; all when absent. */
  readonly names?: readonly string[];
  /** Its subfolders matter as well. */
  readonly isDeep?: boolean;
}

/** Resolves after so many milliseconds; rejects when the signal aborts. */
export type Wait = (ms: number, signal: AbortSignal) => Promise<unknown>;

export interface FolderWatch {
  /** Asked before each look. */
  readonly folders: () => Promise<readonly Folder[]>;
  readonly look: (signal: AbortSignal) => Promise<void>;
  /** Milliseconds between looks when nothing was seen to change. */
  readonly everyMs: number;
  /** Milliseconds from the first change to the look, so that one look serves a burst. */
  readonly settleMs: number;
  readonly signal: AbortSignal;
  readonly wait?: Wait | undefined;
  /** Is given what makes it look now, as after a change. */
  readonly ringer?: ((look: () => void) => void) | undefined;
  /** Told of each look that failed; it is repeated in any case. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/** Looks at once and then after each change. Resolves when the signal has aborted and nothing is watched any more. */
export async function watchFolders(asked: FolderWatch): Promise<void> {
  const { signal, wait = realWait } = asked;
  const watchers = new Watchers(asked.onFailure ?? (() => undefined));
  asked.ringer?.(() => watchers.ring());
  let failures = 0;
  while (!signal.aborted) {
    const hasLooked = await lookOnce(asked, watchers);
    failures = hasLooked ? 0 : failures + 1;
    const patienceMs = hasLooked
      ? asked.everyMs
      : Math.min(asked.everyMs, RETRY_MS * 2 ** Math.min(failures, 20));
    await waitForChange(watchers, patienceMs, { signal, wait });
    if (watchers.hasChanged) await wait(asked.settleMs, signal).catch(() => undefined);
  }
  watchers.close();
}

const RETRY_MS = 100;

const realWait: Wait = (ms, signal) => setTimeout(ms, undefined, { signal, ref: false });

async function lookOnce(asked: FolderWatch, watchers: Watchers): Promise<boolean> {
  watchers.hasChanged = false;
  try {
    await watchers.watch(await asked.folders());
    await asked.look(asked.signal);
    return true;
  } catch (error) {
    if (!asked.signal.aborted) asked.onFailure?.(error);
    return false;
  }
}

async function waitForChange(
  watchers: Watchers,
  ms: number,
  { signal, wait }: { readonly signal: AbortSignal; readonly wait: Wait },
): Promise<void> {
  const change = new AbortController();
  watchers.onChange = () => change.abort();
  if (watchers.hasChanged || signal.aborted) return;
  await wait(ms, AbortSignal.any([signal, change.signal])).catch(() => undefined);
  // A timer that has fired needs no more waking.
  watchers.onChange = () => undefined;
}

/** The watched folders, one watcher each: a recursive watch misses what comes with a new folder. */
class Watchers {
  hasChanged = false;
  onChange: () => void = () => undefined;
  readonly #open = new Map<string, FSWatcher>();
  readonly #onFailure: (error: unknown) => void;
  #wanted = new Map<string, Set<string> | "all">();

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  ring(): void {
    this.hasChanged = true;
    this.onChange();
  }

  /** Watches exactly these folders from now on. */
  async watch(folders: readonly Folder[]): Promise<void> {
    this.#wanted = new Map();
    await Promise.all(folders.map((folder) => this.#add(folder)));
    for (const path of this.#open.keys()) if (!this.#wanted.has(path)) this.#drop(path);
  }

  close(): void {
    for (const path of this.#open.keys()) this.#drop(path);
  }

  async #add({ path, names, isDeep = false }: Folder): Promise<void> {
    if (!(await isFolder(path))) {
      if (dirname(path) === path) return;
      await this.#add({ path: dirname(path), names: [basename(path)] });
      // It may have come before its ancestor was watched (F1).
      if (!(await isFolder(path))) return;
    }
    this.#want(path, names);
    if (!isDeep) return;
    // Read only once it is watched, or a subfolder made in between would never be seen (F1).
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    const below = entries.filter((entry) => entry.isDirectory());
    await Promise.all(below.map(({ name }) => this.#add({ path: join(path, name), isDeep })));
  }

  #want(path: string, names: readonly string[] | undefined): void {
    const known = this.#wanted.get(path);
    const all = names === undefined || known === "all";
    this.#wanted.set(path, all ? "all" : new Set([...(known ?? []), ...names]));
    if (this.#open.has(path)) return;
    try {
      const watcher = watch(path, { persistent: false }, (_, name) => this.#saw(path, name));
      watcher.on("error", () => this.#drop(path));
      this.#open.set(path, watcher);
    } catch (error) {
      // Out of watches, or gone in between: the anti-entropy look still comes.
      this.#onFailure(error);
    }
  }

  #saw(path: string, name: string | null): void {
    // A folder that is removed says so under its own name, to its own watcher; the watcher is dead then.
    const isOwn = name === null || name === basename(path);
    if (isOwn) this.#drop(path);
    const isFolderBelow = name !== null && this.#dropBelow(join(path, name));
    if (!isOwn && !isFolderBelow && !this.#matters(path, name)) return;
    this.ring();
  }

  /** Whoever replaces a file writes `<name>.lock` first; only the name itself is news. */
  #matters(path: string, name: string): boolean {
    const names = this.#wanted.get(path);
    return names === "all" ? !name.endsWith(".lock") : (names?.has(name) ?? false);
  }

  /** A folder of that name is another one now, if it is there at all; whether it was watched. */
  #dropBelow(path: string): boolean {
    const below = [...this.#open.keys()].filter(
      (open) => open === path || open.startsWith(path + sep),
    );
    for (const open of below) this.#drop(open);
    return below.length > 0;
  }

  #drop(path: string): void {
    this.#open.get(path)?.close();
    this.#open.delete(path);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
