/** The lines of photos that are in the page now. */

import { element } from "../../shared/dom";
import type { Photos } from "../photos/photos";
import type { Order } from "../selection/order";
import type { Selection } from "../selection/selection";
import { Cell } from "./cell";
import type { Layout } from "./layout";

interface Line {
  root: HTMLElement;
  cells: Cell[];
}

export class Lines {
  // Not a counter: each kind of widget has its own copy of this module.
  readonly #name = `ig-${Math.random().toString(36).slice(2)}`;
  #lines = new Map<number, Line>();

  constructor(
    private readonly layer: HTMLElement,
    /** Called when a picture is in the page. */
    private readonly arrived: () => void,
  ) {}

  clear(): void {
    for (const { root } of this.#lines.values()) root.remove();
    this.#lines.clear();
  }

  /** Id of the element of a photo. */
  id(position: number): string {
    return `${this.#name}-${position}`;
  }

  holds(position: number, layout: Layout): boolean {
    return position >= 0 && this.#lines.has(Math.floor(position / layout.columns));
  }

  /** Position of the photo that an element belongs to. */
  positionOf(target: Element): number | null {
    const root = target.closest(".ig-cell");
    for (const { cells } of this.#lines.values()) {
      for (const cell of cells) if (cell.root === root) return cell.position;
    }
    return null;
  }

  /** Show the lines from `first` up to `last`; returns whether their pictures are complete. */
  draw(
    [first, last]: [number, number],
    top: number,
    layout: Layout,
    order: Order,
    photos: Photos,
    selection: Selection,
    active: number,
  ): boolean {
    for (const [number, { root }] of this.#lines) {
      if (number < first || number >= last) {
        root.remove();
        this.#lines.delete(number);
      }
    }
    let painted = true;
    for (let number = first; number < last; number++) {
      const { root, cells } = this.#lines.get(number) ?? this.#add(number, layout, order);
      root.style.transform = `translateY(${number * layout.stepY - top}px)`;
      for (const cell of cells) {
        cell.show(photos.get(cell.row));
        cell.mark(selection.has(cell.row), cell.position === active);
        painted &&= cell.painted;
      }
    }
    return painted;
  }

  #add(number: number, layout: Layout, order: Order): Line {
    const cells: Cell[] = [];
    for (let column = 0; column < layout.columns; column++) {
      const position = number * layout.columns + column;
      if (position >= layout.count) break;
      const row = order.rowAt(position);
      cells.push(new Cell(this.id(position), column, position, row, this.arrived));
    }
    const root = element(
      "div",
      "ig-line",
      { role: "row", "aria-rowindex": String(number + 1) },
      cells.map((cell) => cell.root),
    );
    this.layer.append(root);
    const line = { root, cells };
    this.#lines.set(number, line);
    return line;
  }
}
