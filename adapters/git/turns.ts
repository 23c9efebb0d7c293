/** Runs what is asked for under one name in the order in which it is asked for, one after the other, whether it fails or not. */
export type InTurn = <Result>(name: string, run: () => Promise<Result>) => Promise<Result>;

/** Turns of their own; names of one are nothing to another. */
export function turns(): InTurn {
  const last = new Map<string, Promise<unknown>>();
  return async (name, run) => {
    const mine = Promise.allSettled([last.get(name)]).then(run);
    last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
}
