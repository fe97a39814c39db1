/** Which photos one view shows, which are selected and which is active; informs the kernel. */

import type { Client } from "../../shared/client";
import { named, Order } from "./order";
import { Selection } from "./selection";

export class Choice {
  order = new Order(0, null);
  selection = new Selection(0);
  /** Position of the photo that keys act on, -1 for none. */
  active = -1;
  #before: Uint32Array | null = null;

  constructor(private readonly client: Pick<Client, "tell">) {}

  /** Row of the photo that keys act on, -1 for none. */
  get activeRow(): number {
    return this.active < 0 ? -1 : this.order.rowAt(this.active);
  }

  /** Rows of the selected photos, else of the active one. */
  rows(): Uint32Array<ArrayBuffer> {
    if (this.selection.count > 0) return this.selection.rows();
    return Uint32Array.from(this.active < 0 ? [] : [this.activeRow]);
  }

  /** Show photos in another order; selected and active photos stay so if they are shown. */
  setOrder(total: number, rows: Uint32Array | null): void {
    const active = this.activeRow;
    const selected = this.selection.rows();
    if (total !== this.order.total) this.selection = new Selection(total);
    this.order = new Order(total, rows);
    this.selection.replace(selected.filter((row) => this.order.positionOf(row) >= 0));
    this.selection.anchor = 0;
    this.active = this.order.positionOf(active);
  }

  activate(position: number): void {
    this.active = position;
    this.client.tell({ kind: "activate", row: this.order.rowAt(position) });
  }

  /** Select one photo, a range up to it, or one in addition to the selection. */
  select(position: number, range = false, keep = false): void {
    const row = this.order.rowAt(position);
    if (range) {
      this.selection.range(this.selection.anchor, position, this.order.rowAt, keep);
    } else {
      if (keep) this.selection.toggle(row);
      else this.selection.replace([row]);
      this.selection.anchor = position;
    }
    this.#tell();
  }

  selectAll(): void {
    this.selection.range(0, this.order.count - 1, this.order.rowAt, false);
    this.#tell();
  }

  selectNone(): void {
    this.selection.replace([]);
    this.#tell();
  }

  /** A rectangle begins, is drawn over photos, and ends. */
  beginBand(keep: boolean): void {
    this.#before = keep ? this.selection.rows() : null;
  }

  band(positions: number[]): void {
    this.selection.replace(this.#before ?? []);
    for (const position of positions) this.selection.add(this.order.rowAt(position));
  }

  endBand(): void {
    const [first] = this.selection.rows();
    // The active photo must be among the selected ones, which keys act on.
    const lost = first !== undefined && !this.selection.has(this.activeRow);
    if (lost) this.activate(this.order.positionOf(first));
    this.#tell();
  }

  #tell(): void {
    const { values, buffers } = named(this.selection.rows());
    this.client.tell({ kind: "select", ...values }, buffers);
  }
}
