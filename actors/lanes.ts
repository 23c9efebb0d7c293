// Lanes
//
// Runs jobs of one lane one after the other and lanes side by side. Owns order and the bound; not what a job does.
//
//   N1. Two jobs of one lane never run at the same time, and run in the order they were added.
//   N2. At most `width` jobs run at once; a lane that waits long is not overtaken for ever (oldest job first).
//   N3. A job that fails does not stop its lane.
//   N4. A job that rests keeps its lane and gives its place of the `width` to another until it goes on.

export interface Lanes {
  add(lane: string, job: (turn: Turn) => Promise<void>): void;
  /** Jobs running or waiting. */
  readonly size: number;
  /** Resolves when nothing runs; waiting jobs are dropped. */
  stop(): Promise<void>;
}

/** What a running job may ask of its lane. */
export interface Turn {
  /** Waits without holding up other lanes. */
  readonly rest: (wait: () => Promise<void>) => Promise<void>;
}

interface Job {
  readonly lane: string;
  readonly run: (turn: Turn) => Promise<void>;
}

/** At most `width` lanes work at the same time. `onDefect` hears of a job that rejected, which is a bug of the job. */
export function lanes(width: number, onDefect: (error: unknown) => void): Lanes {
  const busy = new Set<string>();
  const running = new Set<Promise<void>>();
  const rested: (() => void)[] = [];
  let waiting: Job[] = [];
  let working = 0;
  let isStopped = false;

  function startAll(): void {
    while (working < width) {
      const goOn = isStopped ? undefined : (rested.shift() ?? nextJob());
      if (goOn === undefined) return;
      working += 1;
      goOn();
    }
  }

  function nextJob(): (() => void) | undefined {
    const index = waiting.findIndex(({ lane }) => !busy.has(lane));
    const [job] = index === -1 ? [] : waiting.splice(index, 1);
    return job && (() => start(job));
  }

  function start(job: Job): void {
    busy.add(job.lane);
    const done = job
      .run({ rest })
      .catch(onDefect)
      .finally(() => {
        busy.delete(job.lane);
        working -= 1;
        running.delete(done);
        startAll();
      });
    running.add(done);
  }

  async function rest(wait: () => Promise<void>): Promise<void> {
    working -= 1;
    startAll();
    await wait();
    if (isStopped) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    rested.push(resolve);
    startAll();
    await promise;
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
      for (const goOn of rested.splice(0)) goOn();
      await Promise.all(running);
    },
  };
}
