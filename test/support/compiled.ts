import { join } from "node:path";

/**
 * Environment of a Node that is started again and again: what it loads is compiled once. As `bin/entry.js` does for
 * `ao`, and in the same folder.
 */
export const COMPILED = {
  NODE_COMPILE_CACHE: join(import.meta.dirname, "../../.cache/node"),
} as const;
