/** The state of the labels in the kernel, and which photos are done. */

export interface Class {
  name: string;
  count: number;
  color: string;
}

export interface LabelState {
  classes: Class[];
  /** Photos with a label, and photos that need one. */
  labelled: number;
  of: number;
  excluded: number;
  /** Why edits of other kernels do not arrive; empty if they do. */
  trouble: string;
  can_undo: boolean;
  can_redo: boolean;
  /** Photos that an interrupted save has not moved yet. */
  unfinished: number;
  /** The folder that the photos came from, if any. */
  folder: string;
}

/** The keys of the classes, in their order. */
export const KEYS = "123456789abcdefghijklmnopqrstuvwxyz";

/** The class that a key stands for, as `plainKey` gives it. */
export function classOf(key: string, classes: Class[]): Class | undefined {
  const place = key.length === 1 ? KEYS.indexOf(key) : -1;
  return classes[place];
}

/** One bit a photo, so that a million fit. */
export class Flags {
  #bits: Uint8Array;

  constructor(buffer?: DataView) {
    this.#bits = buffer
      ? new Uint8Array(
          buffer.buffer.slice(
            buffer.byteOffset,
            buffer.byteOffset + buffer.byteLength,
          ) as ArrayBuffer,
        )
      : new Uint8Array();
  }

  has = (row: number): boolean => (((this.#bits[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;

  set(row: number, on: boolean): void {
    const bit = 1 << (row & 7);
    const byte = this.#bits[row >> 3] ?? 0;
    this.#bits[row >> 3] = on ? byte | bit : byte & ~bit;
  }
}
