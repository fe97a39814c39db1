/** Identifies a browser by a random number that it keeps: its user finds earlier work again. */

const KEY = "imgcls-visitor";
const ID = /^[0-9a-f]{32}$/;

/** The number; a new one on each visit if the browser stores nothing. */
export function visitor(storage: () => Pick<Storage, "getItem" | "setItem">): string {
  const made = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  try {
    const kept = storage().getItem(KEY);
    if (kept !== null && ID.test(kept)) return kept;
    storage().setItem(KEY, made);
  } catch {
    // Some browsers refuse storage, in private windows for instance.
  }
  return made;
}
