const GRAPHEMES = new Intl.Segmenter("en", { granularity: "grapheme" });
/** What one sign that people see is made of, at most; a flag or a family is some ten units. */
const LONGEST_SIGN = 64;

/** The beginning of a text, at most so many UTF-16 units, and never a part of what people see as one sign. */
export function clipped(text: string, most: number): string {
  if (text.length <= most) return text;
  const sign = GRAPHEMES.segment(text.slice(0, most + LONGEST_SIGN)).containing(most);
  return text.slice(0, sign?.index ?? most);
}
