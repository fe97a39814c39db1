/** Which photos are selected: one byte a photo, so that a million can be. */
export class Selection {
  #mask: Uint8Array;
  #count = 0;
  /** Position from which a shift-click selects. */
  anchor = 0;

  constructor(total: number) {
    this.#mask = new Uint8Array(total);
  }

  get count(): number {
    return this.#count;
  }

  has(row: number): boolean {
    return this.#mask[row] === 1;
  }

  add(row: number): void {
    if (this.#mask[row] === 0) {
      this.#mask[row] = 1;
      this.#count++;
    }
  }

  toggle(row: number): void {
    if (this.has(row)) {
      this.#mask[row] = 0;
      this.#count--;
    } else {
      this.add(row);
    }
  }

  replace(rows: Iterable<number>): void {
    this.#mask.fill(0);
    this.#count = 0;
    for (const row of rows) this.add(row);
  }

  /** Select what lies between two positions, both included. */
  range(from: number, to: number, rowAt: (position: number) => number, keep: boolean): void {
    if (!keep) this.replace([]);
    for (let p = Math.min(from, to); p <= Math.max(from, to); p++) this.add(rowAt(p));
  }

  /** Row numbers, ascending. */
  rows(): Uint32Array<ArrayBuffer> {
    const rows = new Uint32Array(this.#count);
    let next = 0;
    for (let row = 0; next < this.#count; row++) {
      if (this.#mask[row] === 1) rows[next++] = row;
    }
    return rows;
  }
}
