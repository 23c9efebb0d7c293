#!/usr/bin/env node
import module from "node:module";
import { fileURLToPath } from "node:url";

// Apart from ao.ts, and plain enough for any Node: what an old one lacks would end ao.ts before its first line. In
// JavaScript, because what strips types is 17 MB of memory and 60 ms, and is not loaded while the cache has all the rest.

// As `engines` in package.json says.
const NEEDED_MAJOR = 22;
const NEEDED_MINOR = 18;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < NEEDED_MAJOR || (major === NEEDED_MAJOR && minor < NEEDED_MINOR)) {
  process.stderr.write(
    `ao: needs Node ${NEEDED_MAJOR}.${NEEDED_MINOR} or newer, but this is ${process.versions.node} ` +
      `(${process.execPath}); run: npm install --global node@24\n`,
  );
  process.exit(1);
}

// Compiled code is kept beside the program, not in a shared temporary folder where others could plant theirs.
module.enableCompileCache(fileURLToPath(new URL("../.cache/node", import.meta.url)));
await import("./ao.ts");
