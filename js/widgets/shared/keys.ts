/** Which keys go to the kernel. */

const MOVING = /^(Arrow|Home$|End$|Page)/;

/** The name of a key as the kernel knows it, such as "a", "ArrowLeft" or "Control+Shift+z". */
export function keyName(
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">,
): string | null {
  if (event.altKey) return null;
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (control) return `Control+${event.shiftKey ? "Shift+" : ""}${key}`;
  return event.shiftKey ? null : key;
}

/** Whether the element that has the focus needs a key itself. */
export function isOwnKey(target: Pick<Element, "closest">, key: string): boolean {
  if (target.closest("select, textarea, [contenteditable]")) return true;
  const field = target.closest("input");
  if (field) return MOVING.test(key) || !/^(radio|checkbox|range)$/.test(field.type);
  return MOVING.test(key) && target.closest("[role=slider], [role=radio]") !== null;
}
