/** The classes: their keys, colours and counts; a click labels what is selected. */

import { element, photos } from "../image_grid/dom";
import { type Class, KEYS } from "./labels";

export interface PaletteActions {
  label(name: string | null): void;
  exclude(): void;
  addClass(name: string): void;
  openMenu(of: Class): void;
  leave(): void;
}

export class Palette {
  readonly root = element("div", "an-palette", { role: "toolbar", "aria-label": "Classes" });
  readonly #classes = element("div", "an-classes");
  readonly #exclude: HTMLButtonElement;
  readonly #name = element("input", "ig-input an-new", {
    type: "text",
    placeholder: "+ New class",
    maxlength: "200",
    title: "Type a name and press Enter (+)",
    "aria-label": "Name of a new class",
  });
  #shown = "";

  constructor(private readonly actions: PaletteActions) {
    this.#exclude = button("Exclude", "Not part of the dataset (Delete)", () => actions.exclude());
    const none = button("No label", "Take the label away (0)", () => actions.label(null));
    this.#name.addEventListener("keydown", (event) => {
      const name = this.#name.value.trim();
      if (event.key === "Enter" && name !== "") this.actions.addClass(name);
      if (event.key !== "Enter" && event.key !== "Escape") return;
      this.#name.value = "";
      this.actions.leave();
    });
    this.root.append(this.#classes, this.#name, none, this.#exclude);
  }

  askForName(): void {
    this.#name.focus();
  }

  /** `labels` are those of the active photo. */
  update(classes: Class[], labels: string[], excluded: boolean): void {
    const now = JSON.stringify([classes, labels, excluded]);
    if (now === this.#shown) return;
    this.#shown = now;
    this.#classes.replaceChildren(
      ...classes.map((c, place) => this.#chip(c, KEYS[place] ?? "", labels.includes(c.name))),
    );
    this.#exclude.textContent = excluded ? "Include again" : "Exclude";
    this.#exclude.setAttribute("aria-pressed", String(excluded));
  }

  #chip(of: Class, key: string, pressed: boolean): HTMLElement {
    const dot = element("span", "an-dot", { "aria-hidden": "true" });
    dot.style.background = of.color;
    const chip = element(
      "button",
      "an-chip",
      {
        type: "button",
        title: key === "" ? of.name : `${of.name} (${key})`,
        "aria-label": `${of.name}, ${photos(of.count)}${key && `, key ${key}`}`,
        "aria-pressed": String(pressed),
      },
      [
        ...(key ? [element("kbd", "", {}, [key])] : []),
        dot,
        element("span", "an-name", {}, [of.name]),
        element("span", "an-number", {}, [of.count.toLocaleString("en")]),
      ],
    );
    chip.addEventListener("click", () => this.actions.label(of.name));
    const more = element(
      "button",
      "an-more",
      { type: "button", "aria-label": `Change class ${of.name}`, title: "Rename, merge, show" },
      ["⋯"],
    );
    more.addEventListener("click", () => this.actions.openMenu(of));
    return element("span", "an-class", {}, [chip, more]);
  }
}

export function button(text: string, title: string, act: () => void): HTMLButtonElement {
  const made = element("button", "ig-button", { type: "button", title }, [text]);
  made.addEventListener("click", act);
  return made;
}
