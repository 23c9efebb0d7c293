import { useMemo, useRef, type ReactNode } from "react";
import { useKeys } from "../model/keys.ts";
import { setQuery } from "../model/route.ts";
import { toRows } from "../model/row-keys.ts";

/** The search over the rows of a page: `q` of its address. `/` leads there, Enter to what it found. */
export function SearchBox({ text }: { readonly text: string }): ReactNode {
  const search = useRef<HTMLInputElement>(null);
  useKeys(useMemo(() => [{ keys: "/", what: "Search", run: () => search.current?.focus() }], []));
  return (
    <input
      ref={search}
      type="search"
      aria-label="Search"
      placeholder="Search  /"
      value={text}
      onChange={({ target }) => setQuery({ q: target.value })}
      onKeyDown={toRows}
    />
  );
}
