import type { Adapters } from "./adapter.ts";

/** Tells people by a line in the daemon's log, which is the one way that always works. */
export function notices(options: {
  readonly log: (line: string) => void;
}): Pick<Adapters, "notifyPerson"> {
  return {
    async notifyPerson({ priority, title, text, noticeId }) {
      await Promise.resolve();
      options.log(`notice ${noticeId} (${priority}): ${title}${text === "" ? "" : `: ${text}`}`);
      return { ways: ["log"] };
    },
  };
}
