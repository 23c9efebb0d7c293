import type { ReactNode } from "react";
import type { Json } from "../model/answers.ts";
import { short, type Change } from "../model/diff.ts";

/** What a step changed, leaf by leaf. */
export function Changes({ changes }: { readonly changes: readonly Change[] }): ReactNode {
  if (changes.length === 0) return <p className="dim">The step changed nothing of it.</p>;
  return (
    <table className="diff">
      <tbody>
        {changes.map(({ path, before, after }) => (
          <tr key={path}>
            <th scope="row">
              {(path || "all").split(".").map((part, index) => (
                <span key={part}>
                  {index > 0 && "."}
                  <wbr />
                  {part}
                </span>
              ))}
            </th>
            <td>
              {before !== undefined && <span className="was">{short(before)}</span>}{" "}
              {after !== undefined && <span className="becomes">{short(after)}</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A value as a tree that can be opened; what a step changed is marked. */
export function Tree({
  value,
  changed,
}: {
  readonly value: Json;
  readonly changed: ReadonlySet<string>;
}): ReactNode {
  return (
    <div className="tree">
      <Members value={value} path="" changed={changed} />
    </div>
  );
}

// Deeper, and longer than this, it opens when asked.
const OPEN_DEPTH = 2;
const OPEN_MEMBERS = 12;

interface BranchProps {
  readonly value: Json;
  readonly path: string;
  readonly changed: ReadonlySet<string>;
}

function Members({ value, path, changed }: BranchProps): ReactNode {
  if (typeof value !== "object" || value === null) return short(value);
  return Object.entries(value).map(([name, inner]: [string, Json]) => {
    const at = path === "" ? name : `${path}.${name}`;
    return <Member key={name} name={name} value={inner} path={at} changed={changed} />;
  });
}

function Member({
  name,
  value,
  path,
  changed,
}: BranchProps & { readonly name: string }): ReactNode {
  const isBranch = typeof value === "object" && value !== null && Object.keys(value).length > 0;
  if (!isBranch) {
    return (
      <div className={changed.has(path) ? "leaf changed" : "leaf"}>
        <span className="key">{name}:</span> {short(value, 400)}
      </div>
    );
  }
  const members = Object.keys(value).length;
  const isInside = [...changed].some((each) => each.startsWith(`${path}.`) || each === path);
  const isOpen = isInside || (path.split(".").length < OPEN_DEPTH && members <= OPEN_MEMBERS);
  return (
    <details open={isOpen}>
      <summary>
        <span className="key">{name}</span>{" "}
        <span className="dim">{Array.isArray(value) ? `[${members}]` : `{${members}}`}</span>
      </summary>
      <Members value={value} path={path} changed={changed} />
    </details>
  );
}
