/** The classes: their keys, colours and counts; a click labels what is selected. */

import { button, count, element } from "../shared/dom";
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
  readonly #none = element("span", "an-soft", {}, ["No classes yet: name the first one."]);
  #chips: Chip[] = [];

  constructor(private readonly actions: PaletteActions) {
    this.#exclude = button("Exclude", "Exclude from the dataset (Delete)", () => actions.exclude());
    const none = button("No label", "Remove the label (0)", () => actions.label(null));
    this.#name.addEventListener("keydown", (event) => {
      const name = this.#name.value.trim();
      if (event.key === "Enter" && name !== "") this.actions.addClass(name);
      if (event.key !== "Enter" && event.key !== "Escape") return;
      this.#name.value = "";
      this.actions.leave();
    });
    this.root.append(this.#none, this.#classes, this.#name, none, this.#exclude);
  }

  askForName(): void {
    this.#name.focus();
  }

  /** `labels` are those of the active photo. */
  update(classes: Class[], labels: string[], excluded: boolean): void {
    // A chip that is replaced while the mouse is down on it would miss the click.
    const chips = classes.map((c) => this.#chips.find((chip) => chip.name === c.name));
    this.#chips = classes.map((c, place) => chips[place] ?? new Chip(c.name, this.actions));
    const roots = this.#chips.map((chip) => chip.root);
    const same = roots.every((root, place) => root === this.#classes.children[place]);
    if (!same || roots.length !== this.#classes.children.length) {
      this.#classes.replaceChildren(...roots);
    }
    for (const [place, chip] of this.#chips.entries()) {
      const of = classes[place] as Class;
      chip.update(of, KEYS[place] ?? "", labels.includes(of.name));
    }
    this.#none.hidden = classes.length > 0;
    this.#exclude.textContent = excluded ? "Include again" : "Exclude";
  }
}

/** One class: its key, colour, name and count, and a button for its menu. */
class Chip {
  readonly root: HTMLElement;
  readonly #button: HTMLButtonElement;
  readonly #key = element("kbd", "");
  readonly #dot = element("span", "an-dot", { "aria-hidden": "true" });
  readonly #count = element("span", "an-number");
  readonly #unit = element("span", "ig-unseen");
  #class: Class | undefined;

  constructor(
    readonly name: string,
    actions: PaletteActions,
  ) {
    // A screen reader reads their text, separated by spaces, as the name of the button.
    this.#button = element("button", "an-chip", { type: "button" }, [
      ...[this.#key, this.#dot, " ", element("span", "an-name", {}, [name])],
      ...[" ", this.#count, this.#unit],
    ]);
    this.#button.addEventListener("click", () => actions.label(name));
    const more = element(
      "button",
      "an-more",
      { type: "button", "aria-label": `Change class ${name}`, title: "Rename, merge, show" },
      ["⋯"],
    );
    more.addEventListener("click", () => {
      if (this.#class) actions.openMenu(this.#class);
    });
    this.root = element("span", "an-class", {}, [this.#button, more]);
  }

  update(of: Class, key: string, pressed: boolean): void {
    this.#class = of;
    this.#key.textContent = key;
    this.#key.hidden = key === "";
    this.#dot.style.background = of.color;
    this.#count.textContent = count(of.count);
    this.#unit.textContent = of.count === 1 ? " photo" : " photos";
    this.#button.title = key === "" ? of.name : `${of.name} (${key})`;
    this.#button.setAttribute("aria-pressed", String(pressed));
  }
}
