/** What stands above and below the photos: the count, 'go to', the size of thumbnails, the keys. */

import { button, count, element, photos } from "../../shared/dom";
import { keysButton, keysDialog } from "../../shared/help";

const KEYS: [string, string][] = [
  ["← → ↑ ↓", "move; with Shift, select on the way"],
  ["Page Up, Page Down", "move by a page"],
  ["Home, End", "first, last photo"],
  ["#", "go to a photo by its number"],
  ["Space, Ctrl-click", "select or deselect one"],
  ["Shift-click", "select from the last one to here"],
  ["Drag", "select with a rectangle; Ctrl keeps what is selected"],
  ["Ctrl-A, Esc", "select all, none"],
  ["Enter, double click", "open large; wheel, + and − zoom, ← → go on, Esc closes"],
  ["?", "these keys"],
];

export interface ToolbarActions {
  goTo(position: number): void;
  resize(size: number): void;
  again(): void;
  /** Give the keyboard back to the photos. */
  leave(): void;
  /** Further keys to tell of. */
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
    title: "Size of the photos",
    "aria-label": "Size of the photos",
  });
  readonly #message = element("span", "", { role: "status" });
  readonly #again: HTMLButtonElement;

  constructor(private readonly actions: ToolbarActions) {
    const keys = keysButton(() => this.showKeys());
    this.bar = element("div", "ig-bar", {}, [this.#count, this.#goTo, this.#slider, keys]);
    this.#again = button("Try again", "", () => this.actions.again());
    this.#again.hidden = true;
    this.status = element("div", "ig-status", {}, [this.#message, this.#again]);

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
    // Never hidden: what comes with its place into the page is not read out.
    this.#again.hidden = message === "";
    this.#message.textContent = message;
  }
}
