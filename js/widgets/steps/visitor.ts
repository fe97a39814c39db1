/** Who is at this browser: a random number that it keeps, so that it finds its work again. */

const KEY = "imgcls-visitor";
const ID = /^[0-9a-f]{32}$/;

/** The number; one for this page alone where the browser keeps nothing. */
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
