import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Failure } from "../machines/failures.ts";
import { isSealed } from "./lmdb-codec.ts";
import { damaged } from "./lmdb-errors.ts";

// LMDB pages
//
// Walks the pages of a closed data file before lmdb maps it: lmdb trusts what it reads, and a wrong length or page number
// in a damaged file would end the process instead of giving an error. Reads the newest meta page, and from there the
// tree of free pages, the tree of tables and the tree of every table.
//
//   G1. A page is of the kind its parent takes it for, carries its own number, and keeps its nodes inside itself.
//   G2. A row matches its checksum.
//   G3. In a large file the leaves of the tables that only grow are left out, and of the others the checksums: opening
//       must not take minutes. Their rows are checked when they are read.

const HEADER = 24;
const NODE = 8;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const P_BRANCH = 0x01;
const P_LEAF = 0x02;
const P_OVERFLOW = 0x04;
const P_META = 0x08;
const F_BIGDATA = 0x01;
const F_SUBDATA = 0x02;
const KINDS_OF_PAGE = 0x2f;
const NO_ROOT = 0xffff_ffff_ffff_ffffn;
const FIRST_META = 0;
const META_PAGES = 2;

/** How far down a tree is checked. */
type Depth = "branches" | "leaves" | "rows";

// Leaves of neighbours are read together, and what lies between them is read with them when it is little.
const WINDOW_PAGES = 256;
const GAP_PAGES = 8;

/** One tree as its record tells it. */
interface Tree {
  readonly name: string;
  readonly depth: number;
  readonly entries: number;
  readonly root: number | undefined;
  /** Of rows with a checksum; the trees of free pages and of tables have none. */
  readonly isSealed: boolean;
}

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly txnId: bigint;
  readonly free: Tree;
  readonly main: Tree;
}

interface Node {
  readonly page: Buffer;
  readonly start: number;
  readonly keySize: number;
  readonly flags: number;
}

interface File {
  readonly meta: Meta;
  /** One page, in memory that a later call uses again. */
  read(pageNumber: number): Buffer;
  /** Each page in turn, in memory that the next one uses again. Ascending. */
  readEach(pageNumbers: readonly number[]): Iterable<{ pageNumber: number; page: Buffer }>;
  /** Fails unless the file has these pages. */
  checkRange(pageNumber: number, pages: number): void;
  /** Pages that follow each other, for the caller to keep. */
  readMany(pageNumber: number, pages: number): Buffer;
  refuse(seen: string): Failure;
}

/**
 * Checks a closed data file. Fails with STORE_DAMAGED, which names the file and what is wrong with it.
 * `lazyTables` are read without their leaves when the file is larger than `fullBytes`.
 */
export function checkPages(
  path: string,
  { fullBytes, lazyTables }: { fullBytes: number; lazyTables: readonly string[] },
): void {
  const descriptor = openSync(path, "r");
  try {
    const size = fstatSync(descriptor).size;
    const read: Read = (bytes, at) => readSync(descriptor, bytes, 0, bytes.length, at);
    const file = pagesOf(path, newestMeta(path, read), read);
    const { meta } = file;
    checkTree(file, meta.free, "rows");
    for (const table of checkTree(file, meta.main, "rows")) {
      const lazily = lazyTables.includes(table.name) ? "branches" : "leaves";
      checkTree(file, table, size <= fullBytes ? "rows" : lazily);
    }
  } finally {
    closeSync(descriptor);
  }
}

type Read = (bytes: Buffer, at: number) => number;

function newestMeta(path: string, read: Read): Meta {
  const head = Buffer.alloc(HEADER + 144);
  const metas: Meta[] = [];
  let pageSize = 0;
  for (let n = FIRST_META; n < META_PAGES; n += 1) {
    const length = read(head, n * pageSize);
    const isMeta =
      length === head.length &&
      (head.readUInt16LE(18) & P_META) !== 0 &&
      head.readUInt32LE(24) === MAGIC &&
      head.readUInt32LE(28) === DATA_VERSION;
    if (!isMeta) throw damaged(path, `page ${n} is not the meta page of a store`);
    pageSize = head.readUInt32LE(48);
    if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) {
      throw damaged(path, `meta page ${n} gives ${pageSize} as the size of a page`);
    }
    const txnId = head.readBigUInt64LE(152);
    if (Number(txnId & 1n) !== n) throw damaged(path, `meta page ${n} is of transaction ${txnId}`);
    metas.push({
      pageSize,
      lastPage: Number(head.readBigUInt64LE(144)),
      txnId,
      free: treeAt(head, 48, { name: "free pages", isSealed: false }),
      main: treeAt(head, 96, { name: "tables", isSealed: false }),
    });
  }
  const [newest] = metas.toSorted((a, b) => (a.txnId < b.txnId ? 1 : -1));
  if (newest === undefined) throw damaged(path, "it has no meta page");
  return newest;
}

function treeAt(bytes: Buffer, at: number, names: Pick<Tree, "name" | "isSealed">): Tree {
  const root = bytes.readBigUInt64LE(at + 40);
  return {
    ...names,
    depth: bytes.readUInt16LE(at + 6),
    entries: Number(bytes.readBigUInt64LE(at + 32)),
    root: root === NO_ROOT ? undefined : Number(root),
  };
}

function pagesOf(path: string, meta: Meta, read: Read): File {
  const { pageSize, lastPage } = meta;
  const refuse = (seen: string) => damaged(path, seen);
  const scratch = Buffer.alloc(pageSize);
  function checkRange(pageNumber: number, pages: number): void {
    if (pageNumber >= META_PAGES && pageNumber + pages - 1 <= lastPage) return;
    throw refuse(`page ${pageNumber} is named, which the store does not have`);
  }
  function checkNumber(bytes: Buffer, pageNumber: number): Buffer {
    if (Number(bytes.readBigUInt64LE(0)) === pageNumber) return bytes;
    throw refuse(`page ${pageNumber} holds something else`);
  }
  function load(bytes: Buffer, pageNumber: number): Buffer {
    if (read(bytes, pageNumber * pageSize) === bytes.length) return bytes;
    throw refuse(`it ends before page ${pageNumber + bytes.length / pageSize - 1}`);
  }
  const fill = (bytes: Buffer, pageNumber: number): Buffer =>
    checkNumber(load(bytes, pageNumber), pageNumber);
  const room = Buffer.alloc(WINDOW_PAGES * pageSize);
  return {
    meta,
    refuse,
    checkRange,
    *readEach(pageNumbers) {
      for (const pages of windowsOf(pageNumbers)) {
        const [first = 0] = pages;
        const length = ((pages.at(-1) ?? first) - first + 1) * pageSize;
        for (const pageNumber of pages) checkRange(pageNumber, 1);
        const window = load(room.subarray(0, length), first);
        for (const pageNumber of pages) {
          const at = (pageNumber - first) * pageSize;
          yield { pageNumber, page: checkNumber(window.subarray(at, at + pageSize), pageNumber) };
        }
      }
    },
    read: (pageNumber) => {
      checkRange(pageNumber, 1);
      return fill(scratch, pageNumber);
    },
    readMany: (pageNumber, pages) => {
      checkRange(pageNumber, pages);
      return fill(Buffer.allocUnsafe(pages * pageSize), pageNumber);
    },
  };
}

/** Pages that are read together. */
function* windowsOf(pageNumbers: readonly number[]): Iterable<number[]> {
  let window: number[] = [];
  for (const next of pageNumbers) {
    const [first = next] = window;
    const last = window.at(-1) ?? next;
    if (next - last > GAP_PAGES || next - first >= WINDOW_PAGES) {
      yield window;
      window = [];
    }
    window.push(next);
  }
  if (window.length > 0) yield window;
}

/** Checks one tree; the tables that its leaves name. */
function checkTree(file: File, tree: Tree, down: Depth): Tree[] {
  if (tree.root === undefined) return [];
  let level = [tree.root];
  for (let depth = tree.depth; depth > 1; depth -= 1) {
    level = level.flatMap((page) => nodesOf(file, page, file.read(page), P_BRANCH).map(childOf));
  }
  if (down === "branches") return [];
  const tables: Tree[] = [];
  let entries = 0;
  for (const { pageNumber, page } of file.readEach(level.toSorted((a, b) => a - b))) {
    const nodes = nodesOf(file, pageNumber, page, P_LEAF);
    entries += nodes.length;
    for (const node of nodes) {
      const table = checkLeafNode(file, tree, node, down);
      if (table !== undefined) tables.push(table);
    }
  }
  if (entries !== tree.entries) {
    throw file.refuse(`${tree.name} has ${entries} rows where ${tree.entries} were counted`);
  }
  return tables;
}

function nodesOf(file: File, pageNumber: number, page: Buffer, kind: number): Node[] {
  const lower = HEADER + page.readUInt16LE(20);
  const upper = HEADER + page.readUInt16LE(22);
  const isSound =
    (page.readUInt16LE(18) & KINDS_OF_PAGE) === kind &&
    lower % 2 === 0 &&
    lower <= upper &&
    upper <= page.length;
  if (!isSound) throw file.refuse(`page ${pageNumber} is not in order`);
  const nodes: Node[] = [];
  for (let at = HEADER; at < lower; at += 2) {
    const start = HEADER + page.readUInt16LE(at);
    if (start < upper || start + NODE > page.length) {
      throw file.refuse(`page ${pageNumber} has a row outside itself`);
    }
    const keySize = page.readUInt16LE(start + 6);
    if (start + NODE + keySize > page.length) {
      throw file.refuse(`page ${pageNumber} has a key outside itself`);
    }
    nodes.push({ page, start, keySize, flags: page.readUInt16LE(start + 4) });
  }
  return nodes;
}

function childOf({ page, start, flags }: Node): number {
  return page.readUInt32LE(start) + flags * 2 ** 32;
}

function checkLeafNode(file: File, tree: Tree, node: Node, down: Depth): Tree | undefined {
  const { page, start, keySize, flags } = node;
  const at = start + NODE + keySize;
  const size = page.readUInt32LE(start);
  const inPage = (flags & F_BIGDATA) === 0 ? size : 24;
  if (at + inPage > page.length) throw file.refuse(`a row of ${tree.name} ends outside its page`);
  if ((flags & F_SUBDATA) !== 0) {
    const name = page.toString("utf8", start + NODE, at).replace(/\0$/, "");
    return treeAt(page, at, { name, isSealed: true });
  }
  const isBig = (flags & F_BIGDATA) !== 0;
  if (isBig) checkBig(file, page, at, size);
  if (down === "leaves" || !tree.isSealed) return undefined;
  const value = isBig ? bigValue(file, page, at, size) : page.subarray(at, at + size);
  const key = page.subarray(start + NODE, at);
  if (!isSealed(key, value)) {
    throw file.refuse(`a row of ${tree.name} does not match its checksum`);
  }
  return undefined;
}

/** Whether the pages of a large value are as many as it needs, and are there. */
function checkBig(file: File, page: Buffer, at: number, size: number): void {
  const pages = Number(page.readBigUInt64LE(at + 16));
  if (pages !== Math.ceil((HEADER + size) / file.meta.pageSize)) {
    throw file.refuse(`a value of ${size} bytes is said to take ${pages} pages`);
  }
  file.checkRange(Number(page.readBigUInt64LE(at)), pages);
}

function bigValue(file: File, page: Buffer, at: number, size: number): Buffer {
  const pageNumber = Number(page.readBigUInt64LE(at));
  const bytes = file.readMany(pageNumber, Math.ceil((HEADER + size) / file.meta.pageSize));
  if ((bytes.readUInt16LE(18) & KINDS_OF_PAGE) !== P_OVERFLOW) {
    throw file.refuse(`page ${pageNumber} does not hold a large value`);
  }
  return bytes.subarray(HEADER, HEADER + size);
}
