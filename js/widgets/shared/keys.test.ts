import { expect, test } from "vitest";
import { isOwnKey, keyName, plainKey } from "./keys";

type Held = "ctrlKey" | "metaKey" | "shiftKey" | "altKey";

function event(key: string, code: string, held: Held[] = []) {
  const none = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false };
  return { key, code, ...none, ...Object.fromEntries(held.map((name) => [name, true])) };
}

function pressed(key: string, ...held: Held[]) {
  return keyName(event(key, "", held));
}

/** An element as `closest` sees it: what it and those around it are, and an input's type. */
function inside(kinds: string[], type = "") {
  return {
    closest: (selector: string) =>
      selector.split(", ").some((one) => kinds.includes(one)) ? ({ type } as never) : null,
  };
}

test("a key's name says what is held with it", () => {
  expect(pressed("a")).toBe("a");
  expect(pressed("ArrowLeft")).toBe("ArrowLeft");
  expect(pressed("z", "ctrlKey")).toBe("Control+z");
  expect(pressed("Z", "metaKey", "shiftKey")).toBe("Control+Shift+z");
  expect(pressed("A", "shiftKey")).toBeNull();
  expect(pressed("1", "altKey")).toBeNull();
});

test("digits are found on layouts that type them only with Shift", () => {
  // The upper row of AZERTY.
  const typed = [..."&é\"'(-è_çà"].map((key, i) => keyName(event(key, `Digit${(i + 1) % 10}`)));
  expect(typed.join("")).toBe("1234567890");
  expect(keyName(event("1", "Digit1", ["shiftKey"]))).toBe("1");
  // On a US keyboard, Shift types something else.
  expect(keyName(event("!", "Digit1", ["shiftKey"]))).toBeNull();
  expect(plainKey(event("#", "Digit3", ["shiftKey"]))).toBe("#");
});

test("letters are found on layouts without Latin ones", () => {
  expect(keyName(event("ф", "KeyA"))).toBe("a");
  expect(keyName(event("ω", "KeyV"))).toBe("v");
  expect(keyName(event("я", "KeyZ", ["ctrlKey"]))).toBe("Control+z");
  expect(keyName(event("Я", "KeyZ", ["metaKey", "shiftKey"]))).toBe("Control+Shift+z");
});

test("a Latin letter counts as typed, wherever its key is", () => {
  expect(plainKey(event("a", "KeyQ"))).toBe("a");
  expect(plainKey(event("A", "KeyQ", ["shiftKey"]))).toBe("a");
});

test("a character that is a command keeps its meaning", () => {
  expect(plainKey(event("+", "Digit1"))).toBe("+"); // Czech
  expect(plainKey(event("/", "KeyQ"))).toBe("/"); // Hebrew
  const polish = { ...event("ą", "KeyA"), getModifierState: () => true };
  expect(plainKey(polish)).toBe("ą");
});

test("who types keeps all keys", () => {
  for (const target of [inside(["select"]), inside(["textarea"]), inside(["input"], "number")]) {
    expect(isOwnKey(target, "1")).toBe(true);
    expect(isOwnKey(target, "Control+z")).toBe(true);
  }
});

test("a slider or a radio button keeps the keys that move it", () => {
  for (const target of [inside(["[role=slider]"]), inside(["input"], "range")]) {
    expect(isOwnKey(target, "ArrowLeft")).toBe(true);
    expect(isOwnKey(target, "Home")).toBe(true);
    expect(isOwnKey(target, "1")).toBe(false);
  }
  expect(isOwnKey(inside([]), "ArrowLeft")).toBe(false);
});
