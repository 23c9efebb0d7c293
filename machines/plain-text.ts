/** The text without what a terminal would obey; tabs and new lines stay. */
export function clean(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll(/[^\P{Cc}\t\n]/gu, "");
}
