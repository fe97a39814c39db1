/** Which photo is shown at which position: all in their own order, or those of an index array. */
export class Order {
  #positions: Map<number, number> | null = null;

  constructor(
    /** Number of photos in the dataset. */
    readonly total: number,
    private readonly rows: Uint32Array | null,
  ) {}

  /** Number of photos shown. */
  get count(): number {
    return this.rows ? this.rows.length : this.total;
  }

  get whole(): boolean {
    return this.rows === null;
  }

  rowAt = (position: number): number => this.rows?.[position] ?? position;

  /** Position of a row, -1 if it is not shown. */
  positionOf(row: number): number {
    if (!this.rows) return row >= 0 && row < this.total ? row : -1;
    this.#positions ??= new Map(Array.from(this.rows, (r, position) => [r, position]));
    return this.#positions.get(row) ?? -1;
  }
}

/** The row numbers that a message carries. */
export function rowsOf(buffer: DataView<ArrayBuffer> | undefined): Uint32Array {
  if (!buffer) return new Uint32Array();
  // A copy: the bytes may not start at a multiple of four.
  return new Uint32Array(
    buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength),
  );
}

/** Few rows travel as JSON: not every host sends buffers to the kernel. */
const FEW = 512;

/** What names rows in a message to the kernel. */
export function named(rows: Uint32Array<ArrayBuffer>): {
  values: { rows?: number[] };
  buffers: ArrayBuffer[];
} {
  return rows.length <= FEW
    ? { values: { rows: Array.from(rows) }, buffers: [] }
    : { values: {}, buffers: [rows.buffer] };
}
