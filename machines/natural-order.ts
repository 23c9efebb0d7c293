const NATURAL = new Intl.Collator("en", { numeric: true });

/** The order of two names as people count: `app-2` is before `app-10`. */
export function byName(one: string, other: string): number {
  return NATURAL.compare(one, other);
}
