/** What is known of photos, and the questions that get what is missing. */

import { CancelledError, type Client } from "./client";
import { ByteCache } from "./lru";

const CACHE_BYTES = 24 * 2 ** 20;
const BATCH = 16;
/** Sizes that are asked for: few, so that thumbnails can be used again. */
const SIZES = [96, 160, 256, 384];

export interface Description {
  caption: string;
  badge: string | null;
  color: string | null;
}

export interface Photo extends Description {
  /** Why it cannot be shown. */
  problem: string | null;
  url: string | null;
  size: number;
  /** Whether caption and badge may be out of date. */
  stale: boolean;
}

type Answered = Description & { problem: string | null };

export function sizeToAsk(thumbnailSize: number, pixelRatio: number): number {
  const wanted = thumbnailSize * Math.min(pixelRatio, 2);
  return SIZES.find((size) => size >= wanted * 0.8) ?? (SIZES.at(-1) as number);
}

export class Photos {
  #known = new ByteCache<Photo>(CACHE_BYTES, (photo) => {
    if (photo.url) URL.revokeObjectURL(photo.url);
  });
  #asked = new Map<string, number[]>();
  #waiting = new Set<number>();

  constructor(
    private readonly client: Client,
    private readonly arrived: () => void,
    private readonly failed: (reason: string) => void,
  ) {}

  get(row: number): Photo | undefined {
    return this.#known.get(row);
  }

  get busy(): boolean {
    return this.#asked.size > 0;
  }

  /** Captions and badges have changed; the pictures stay. */
  markAllStale(): void {
    for (const photo of this.#known.values()) photo.stale = true;
  }

  /** Drop what was asked for photos that are all out of sight. */
  forget(inSight: Set<number>): void {
    const ids: string[] = [];
    for (const [id, rows] of this.#asked) {
      if (!rows.some((row) => inSight.has(row))) ids.push(id);
    }
    this.client.cancel(ids);
  }

  /** Ask for the photos among `rows` that are missing; the number of photos asked for. */
  fetch(rows: number[], size: number): number {
    const wanted = rows.filter((row) => {
      const photo = this.#known.get(row);
      const good = photo && !photo.stale && (photo.size >= size || photo.problem !== null);
      return !good && !this.#waiting.has(row);
    });
    for (let start = 0; start < wanted.length; start += BATCH) {
      void this.#ask(wanted.slice(start, start + BATCH), size);
    }
    return wanted.length;
  }

  /** One photo large, as the URL of a picture that the caller revokes. */
  async large(row: number, size: number): Promise<string> {
    const answer = await this.client.ask<{ photos: Answered[] }>({
      kind: "photos",
      rows: [row],
      size,
    });
    const problem = answer.content.photos[0]?.problem;
    if (problem) throw new Error(problem);
    return toUrl(answer.buffers[0] as DataView<ArrayBuffer>);
  }

  clear(): void {
    this.client.cancelAll();
    this.#known.clear();
  }

  async #ask(rows: number[], size: number): Promise<void> {
    const id = this.client.newId();
    this.#asked.set(id, rows);
    for (const row of rows) this.#waiting.add(row);
    let problem: string | null = null;
    try {
      const { content, buffers } = await this.client.ask<{ photos: Answered[] }>(
        { kind: "photos", rows, size },
        id,
      );
      rows.forEach((row, i) => {
        const buffer = buffers[i] as DataView<ArrayBuffer>;
        const url = buffer.byteLength > 0 ? toUrl(buffer) : null;
        const photo = { ...(content.photos[i] as Answered), url, size, stale: false };
        this.#known.set(row, photo, buffer.byteLength + 256);
      });
    } catch (error) {
      if (!(error instanceof CancelledError)) problem = (error as Error).message;
    }
    this.#asked.delete(id);
    for (const row of rows) this.#waiting.delete(row);
    if (problem === null) this.arrived();
    else this.failed(problem);
  }
}

function toUrl(jpeg: DataView<ArrayBuffer>): string {
  return URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
}
