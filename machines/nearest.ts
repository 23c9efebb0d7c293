/** The one of `names` that was probably meant: it begins with what was given, or differs in a letter or two. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const asked = given.toLowerCase();
  const [best] = names
    .map((name) => ({ name, distance: distanceOf(asked, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.min(2, name.length / 3))
    .toSorted((one, other) => one.distance - other.distance);
  return best?.name;
}

/** Letters to add, drop or change; nothing for a beginning of three letters or more. */
function distanceOf(given: string, name: string): number {
  if (given.length >= 3 && name.startsWith(given)) return 0;
  let row = Array.from({ length: name.length + 1 }, (_, at) => at);
  for (const [line, letter] of Array.from(given).entries()) {
    let diagonal = line;
    const next = [line + 1];
    for (let at = 1; at <= name.length; at += 1) {
      const cost = name[at - 1] === letter ? 0 : 1;
      next.push(Math.min((row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1, diagonal + cost));
      diagonal = row[at] ?? 0;
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
