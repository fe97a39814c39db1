/** Create an element; strings become text, never HTML. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  attributes: Record<string, string> = {},
  children: (Node | string)[] = [],
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function button(text: string, title: string, act: () => void): HTMLButtonElement {
  const made = element("button", "ig-button", { type: "button", title }, [text]);
  made.addEventListener("click", act);
  return made;
}

/** '2,000'. */
export function count(number: number): string {
  return number.toLocaleString("en");
}

/** '1 photo', '2,000 photos'. */
export function photos(number: number): string {
  return `${count(number)} photo${number === 1 ? "" : "s"}`;
}

/** Black or white, whichever has a contrast of 4.5 : 1 (WCAG) to a colour given as #rrggbb. */
export function readableOn(color: string): string {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255) as [
    number,
    number,
    number,
  ];
  return 0.2126 * r ** 2.2 + 0.7152 * g ** 2.2 + 0.0722 * b ** 2.2 > 0.179 ? "#000" : "#fff";
}
