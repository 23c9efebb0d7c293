// Arrow
//
// Who may import from whom (docs/decisions/0002-import-arrow.md), for the tests that hold lint and code to it.

/** For every folder of the product, the folders it may import from beside itself. */
export const MAY_IMPORT = {
  bin: ["http", "actors", "probes", "bus", "storage", "adapters", "machines"],
  http: ["actors", "bus", "storage", "adapters", "machines"],
  actors: ["bus", "storage", "adapters", "machines"],
  probes: ["bus", "adapters", "machines"],
  bus: ["machines"],
  storage: ["machines"],
  adapters: ["machines"],
  machines: [],
  web: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type Layer = keyof typeof MAY_IMPORT;
export const LAYERS = Object.keys(MAY_IMPORT).filter(isLayer);

/** Folders that nothing of the product may import from. */
export const OUTSIDE = ["test", "bench"] as const;

/** Packages that only some folders may import, beside the tests. machines/ has a list of its own. */
export const HOMES: Readonly<Record<string, readonly Layer[]>> = {
  execa: ["adapters"],
  "node:child_process": ["adapters", "bin"],
  child_process: ["adapters", "bin"],
  "node:cluster": ["adapters", "bin"],
  lmdb: ["storage"],
  "@nats-io/transport-node": ["bus"],
  "@nats-io/jetstream": ["bus"],
  fastify: ["http"],
  "@fastify/swagger": ["http"],
  "fastify-type-provider-zod": ["http"],
  "prom-client": ["http"],
  "@fastify/static": ["http"],
  "@fastify/websocket": ["http"],
  elkjs: ["http"],
  "@xstate/store": ["http"],
  commander: ["bin"],
  react: ["web"],
  "react-dom": ["web"],
  "@xyflow/react": ["web"],
  "@xterm/xterm": ["web"],
  "@xterm/addon-fit": ["web"],
};

/** All that machines/ may import beside its own files. */
const PURE: readonly string[] = ["xstate", "zod"];

/** Files that may import what their folder may not. */
export const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  "bus/nats-server.ts": ["node:child_process"],
  "bus/nats-process.ts": ["node:child_process"],
};

/** Whether a name is a folder of the product. */
export function isLayer(name: string): name is Layer {
  return Object.hasOwn(MAY_IMPORT, name);
}

/** Whether a folder may import from another. */
export function mayImport(from: Layer, to: string): boolean {
  const allowed: readonly string[] = MAY_IMPORT[from];
  return from === to || allowed.includes(to);
}

/** Whether a file may import a package. */
export function mayUse(file: string, from: Layer, name: string): boolean {
  if (EXCEPTIONS[file]?.includes(name) === true) return true;
  if (from === "machines") return PURE.includes(name);
  return HOMES[name]?.includes(from) ?? true;
}
