/** Which key was pressed, on any keyboard layout. */

type Pressed = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey"> &
  Partial<Pick<KeyboardEvent, "getModifierState">>;

const MOVING = /^(Arrow|Home$|End$|Page)/;
/** Characters with a meaning of their own, wherever a layout has them. */
const COMMANDS = "+/#?";

/**
 * What a key types, letters in lower case.
 *
 * Layouts without Latin letters, and those that type digits only with Shift, go by the key's place:
 * what is there on a US keyboard.
 */
export function plainKey(event: Pressed): string {
  const { key, code } = event;
  if (key.length !== 1) return key;
  if (/[a-z0-9]/i.test(key)) return key.toLowerCase();
  if (COMMANDS.includes(key) || event.getModifierState?.("AltGraph")) return key;
  const [, letter, digit] = /^(?:Key([A-Z])|Digit([0-9]))$/.exec(code) ?? [];
  if (letter) return letter.toLowerCase();
  return digit && !event.shiftKey ? digit : key;
}

/** The name of a key as the kernel knows it, such as "a", "ArrowLeft" or "Control+Shift+z". */
export function keyName(event: Pressed): string | null {
  if (event.altKey) return null;
  const key = plainKey(event);
  if (event.ctrlKey || event.metaKey) return `Control+${event.shiftKey ? "Shift+" : ""}${key}`;
  // On some layouts, digits need Shift.
  return event.shiftKey && !/^[0-9]$/.test(key) ? null : key;
}

/** Whether the element that has the focus needs a key itself. */
export function isOwnKey(target: Pick<Element, "closest">, key: string): boolean {
  if (target.closest("select, textarea, [contenteditable]")) return true;
  const field = target.closest("input");
  if (field) return MOVING.test(key) || !/^(radio|checkbox|range)$/.test(field.type);
  return MOVING.test(key) && target.closest("[role=slider], [role=radio]") !== null;
}
