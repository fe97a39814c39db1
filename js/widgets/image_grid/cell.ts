/** One photo in the grid: its picture, caption and badge. */

import { element, readableOn } from "./dom";
import type { Photo } from "./photos";

export class Cell {
  readonly root: HTMLElement;
  readonly #frame = element("div", "ig-frame");
  readonly #caption = element("div", "ig-caption");
  readonly #badge = element("span", "ig-badge");
  #shown: Photo | undefined;
  #url: string | null = null;

  constructor(
    id: string,
    column: number,
    readonly position: number,
    readonly row: number,
  ) {
    this.root = element(
      "div",
      "ig-cell",
      { role: "gridcell", id, "aria-colindex": String(column + 1) },
      [this.#frame, this.#badge, this.#caption],
    );
    this.#badge.hidden = true;
  }

  get painted(): boolean {
    return this.#shown !== undefined;
  }

  mark(selected: boolean, active: boolean): void {
    this.root.setAttribute("aria-selected", String(selected));
    this.root.classList.toggle("ig-active", active);
  }

  show(photo: Photo | undefined): void {
    if (!photo || photo === this.#shown) return;
    this.#shown = photo;
    const { caption, badge, color, problem, url } = photo;
    this.#caption.textContent = caption;
    this.root.title = problem === null ? caption : `${caption}: ${problem}`;
    this.root.setAttribute(
      "aria-label",
      [caption, badge, problem && `cannot be shown: ${problem}`].filter(Boolean).join(", "),
    );
    this.#badge.hidden = badge === null;
    this.#badge.textContent = badge;
    if (color) {
      this.#badge.style.background = color;
      this.#badge.style.color = readableOn(color);
    }
    if (problem !== null) {
      this.#frame.replaceChildren(
        element("div", "ig-broken", {}, [
          element("span", "ig-broken-sign", { "aria-hidden": "true" }, ["⚠"]),
          problem,
        ]),
      );
    } else if (url && url !== this.#url) {
      // The old picture stays until the new one can be painted.
      const image = element("img", "", { src: url, alt: "", draggable: "false" });
      image.decode().then(
        () => this.#shown?.url === url && this.#frame.replaceChildren(image),
        () => {}, // it was given back meanwhile, and is asked for again when it is in sight
      );
    }
    this.#url = url;
  }
}
