/** The bars above and below the photos: count, 'go to', thumbnail size, keyboard shortcuts. */

import { button, count, element, photos } from "../../shared/dom";
import { keysButton, keysDialog } from "../../shared/help";

const KEYS: [string, string][] = [
  ["← → ↑ ↓", "move; hold Shift to extend the selection"],
  ["Page Up, Page Down", "move one page"],
  ["Home, End", "first / last photo"],
  ["#", "go to a photo by its number"],
  ["Space, Ctrl-click", "select or deselect a photo"],
  ["Shift-click", "select a range"],
  ["Drag", "select with a rectangle; hold Ctrl to add to the selection"],
  ["Ctrl-A, Esc", "select all / clear the selection"],
  ["Enter, double-click", "open large; wheel, + and − zoom, ← → previous / next, Esc closes"],
  ["?", "show this list"],
];

export interface ToolbarActions {
  goTo(position: number): void;
  resize(size: number): void;
  retry(): void;
  /** Move the focus back to the photos. */
  leave(): void;
  /** Further keys for the list of keyboard shortcuts. */
  keys: [string, string][];
}

export class Toolbar {
  readonly bar: HTMLElement;
  readonly status: HTMLElement;
  readonly help: HTMLDialogElement;
  readonly #count = element("span", "ig-count", { "aria-live": "polite" });
  readonly #goTo = element("input", "ig-input ig-goto", {
    type: "number",
    min: "1",
    placeholder: "Go to #",
    title: "Go to a photo by its number (#)",
    "aria-label": "Go to photo number",
  });
  readonly #slider = element("input", "ig-size", {
    type: "range",
    min: "64",
    max: "320",
    step: "16",
    title: "Thumbnail size",
    "aria-label": "Thumbnail size",
  });
  readonly #message = element("span", "", { role: "status" });
  readonly #retry: HTMLButtonElement;

  constructor(private readonly actions: ToolbarActions) {
    const keys = keysButton(() => this.showKeys());
    this.bar = element("div", "ig-bar", {}, [this.#count, this.#goTo, this.#slider, keys]);
    this.#retry = button("Try again", "", () => this.actions.retry());
    this.#retry.hidden = true;
    this.status = element("div", "ig-status", {}, [this.#message, this.#retry]);

    this.#goTo.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && this.#goTo.value !== "") {
        this.actions.goTo(this.#goTo.valueAsNumber - 1);
        this.#goTo.value = "";
      }
      if (event.key === "Enter" || event.key === "Escape") this.actions.leave();
    });
    this.#slider.addEventListener("input", () => this.actions.resize(this.#slider.valueAsNumber));

    this.help = keysDialog([...this.actions.keys, ...KEYS], () => this.actions.leave());
  }

  showKeys(): void {
    this.help.showModal();
  }

  askForNumber(): void {
    this.#goTo.focus();
  }

  update(shown: number, total: number, selected: number, size: number): void {
    let text = shown === total ? photos(total) : `${count(shown)} of ${photos(total)}`;
    if (selected > 0) text += `, ${count(selected)} selected`;
    if (this.#count.textContent !== text) this.#count.textContent = text;
    this.#goTo.max = String(shown);
    this.#goTo.disabled = shown === 0;
    this.#slider.valueAsNumber = size;
  }

  say(message: string): void {
    // Never hidden: screen readers do not announce text that appears together with its element.
    this.#retry.hidden = message === "";
    this.#message.textContent = message;
  }
}
