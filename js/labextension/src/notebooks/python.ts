/** Quotes names of files and folders, which may contain anything, for Python code and Markdown. */

// Characters that end a string, that a file cannot hold, or that make code look like other code:
// control characters, line separators, marks of zero width or of writing direction, halves of pairs.
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must be escaped
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

/** Markdown that shows the text literally, in one line. */
export function plain(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[!-/:-@[-`{-~]/g, "\\$&");
}
