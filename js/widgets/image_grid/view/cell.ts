/** One photo in the grid: its picture, caption and badge. */

import { element, readableOn } from "../../shared/dom";
import type { Photo } from "../photos/photos";

export class Cell {
  readonly root: HTMLElement;
  readonly #frame = element("div", "ig-frame");
  readonly #caption = element("div", "ig-caption");
  readonly #badge = element("span", "ig-badge");
  #shown: Photo | undefined;
  #url: string | null = null;
  #decoding = false;

  constructor(
    id: string,
    column: number,
    readonly position: number,
    readonly row: number,
    /** Called when a picture has been decoded and is in the page. */
    private readonly arrived: () => void,
  ) {
    this.root = element(
      "div",
      "ig-cell",
      { role: "gridcell", id, "aria-colindex": String(column + 1) },
      // A screen reader reads their text, separated by spaces, as the name of the cell.
      [this.#frame, " ", this.#caption, " ", this.#badge],
    );
    this.#badge.hidden = true;
  }

  /** Whether everything known about the photo is visible. */
  get painted(): boolean {
    return this.#shown !== undefined && !this.#decoding;
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
    this.#badge.hidden = badge === null;
    this.#badge.textContent = badge;
    if (color) {
      this.#badge.style.background = color;
      this.#badge.style.color = readableOn(color);
    }
    if (problem !== null) this.#showProblem(problem);
    else if (url !== this.#url) void this.#showPicture(url);
    this.#url = url;
  }

  #showProblem(problem: string): void {
    this.#decoding = false;
    const sign = element("span", "ig-broken-sign", { "aria-hidden": "true" }, ["⚠"]);
    this.#frame.replaceChildren(element("div", "ig-broken", {}, [sign, problem]));
  }

  async #showPicture(url: string | null): Promise<void> {
    const image = element("img", "", { src: url ?? "", alt: "", draggable: "false" });
    this.#decoding = true;
    // The old picture stays until the new one can be painted.
    const good = await image.decode().then(
      () => true,
      () => false,
    );
    if (this.#shown?.url !== url) return; // a newer one is on its way
    if (good) this.#frame.replaceChildren(image);
    else this.#showProblem("the browser cannot show the thumbnail");
    this.#decoding = false;
    this.arrived();
  }
}
