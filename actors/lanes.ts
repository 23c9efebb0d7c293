// Lanes
//
// Runs jobs of one lane one after the other and lanes side by side. Owns order and the bound; not what a job does.
//
//   N1. Two jobs of one lane never run at the same time, and run in the order they were added.
//   N2. At most `width` jobs run at once; a lane that waits long is not overtaken for ever (oldest job first).
//   N3. A job that fails does not stop its lane.

export interface Lanes {
  add(lane: string, job: () => Promise<void>): void;
  /** Jobs running or waiting. */
  readonly size: number;
  /** Resolves when nothing runs; waiting jobs are dropped. */
  stop(): Promise<void>;
}

interface Job {
  readonly lane: string;
  readonly run: () => Promise<void>;
}

/** At most `width` lanes work at the same time. `onDefect` hears of a job that rejected, which is a bug of the job. */
export function lanes(width: number, onDefect: (error: unknown) => void): Lanes {
  const busy = new Set<string>();
  const running = new Set<Promise<void>>();
  let waiting: Job[] = [];
  let isStopped = false;

  function startAll(): void {
    let index = 0;
    while (running.size < width && index < waiting.length) {
      const job = waiting[index];
      if (job === undefined || busy.has(job.lane)) {
        index += 1;
        continue;
      }
      waiting.splice(index, 1);
      start(job);
    }
  }

  function start(job: Job): void {
    busy.add(job.lane);
    const done = job
      .run()
      .catch(onDefect)
      .finally(() => {
        busy.delete(job.lane);
        running.delete(done);
        if (!isStopped) startAll();
      });
    running.add(done);
  }

  return {
    add(lane, run) {
      if (isStopped) return;
      waiting.push({ lane, run });
      startAll();
    },
    get size() {
      return waiting.length + running.size;
    },
    async stop() {
      isStopped = true;
      waiting = [];
      await Promise.all(running);
    },
  };
}
