import { expect, test } from "vitest";
import { isOwnKey, keyName } from "./keys";

function pressed(key: string, ...held: ("ctrlKey" | "metaKey" | "shiftKey" | "altKey")[]) {
  const none = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false };
  return keyName({ key, ...none, ...Object.fromEntries(held.map((name) => [name, true])) });
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
