/** Names of files and folders, which may hold anything, as text in code and in Markdown. */

// Characters that end a string, that cannot stand in a file, or that make code look like other code:
// control characters, line separators, marks of zero width or of writing direction, halves of pairs.
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
  /["\\\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{Surrogate}/gu;
const SHORT: Record<string, string> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t" };

/** A Python string literal. */
export function literal(text: string): string {
  const escaped = text.replace(
    UNSAFE,
    (character) =>
      SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}

/** Text that Markdown shows as it is, in one line. */
export function plain(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[!-/:-@[-`{-~]/g, "\\$&");
}
