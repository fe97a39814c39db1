/** Values by row number; the ones least recently used go when their bytes exceed a limit. */
export class ByteCache<V> {
  #entries = new Map<number, { value: V; bytes: number }>();
  #bytes = 0;

  constructor(private readonly limit: number) {}

  get bytes(): number {
    return this.#bytes;
  }

  *values(): Iterable<V> {
    for (const { value } of this.#entries.values()) yield value;
  }

  get(row: number): V | undefined {
    const entry = this.#entries.get(row);
    if (entry) {
      // A map keeps the order of insertion: the last is the most recently used.
      this.#entries.delete(row);
      this.#entries.set(row, entry);
    }
    return entry?.value;
  }

  set(row: number, value: V, bytes: number): void {
    this.delete(row);
    this.#entries.set(row, { value, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.limit || oldest === row) break;
      this.delete(oldest);
    }
  }

  /** Put another value of the same size in the place of one. */
  replace(row: number, value: V): void {
    const entry = this.#entries.get(row);
    if (entry) entry.value = value;
  }

  delete(row: number): void {
    const entry = this.#entries.get(row);
    if (!entry) return;
    this.#entries.delete(row);
    this.#bytes -= entry.bytes;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}
