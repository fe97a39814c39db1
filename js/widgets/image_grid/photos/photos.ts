/** The photos that have been loaded, and the requests for those that are missing. */

import { CancelledError, type Client } from "../../shared/client";
import { ByteCache } from "./lru";

const CACHE_BYTES = 24 * 2 ** 20;
/** Most screens need one request only: each costs a round trip to the kernel. */
const BATCH = 32;
/** Captions need no decoding: larger batches, of the most that the kernel allows. */
const CAPTIONS = 256;
/** Browsers limit the number of arguments to some ten thousand. */
const MAX_ARGUMENTS = 8192;
/** Few sizes, so that thumbnails can be reused. */
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
  #known = new ByteCache<Photo>(CACHE_BYTES);
  #asked = new Map<string, number[]>();
  #waiting = new Set<number>();
  /** Descriptions that arrived while a request was open: newer than its answer. */
  #newer = new Map<number, Description>();
  #age = 0;

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
    this.#age++; // answers on their way are stale as well
    this.#newer.clear();
    for (const photo of this.#known.values()) photo.stale = true;
  }

  /** Give photos new captions and badges; photos that are not loaded get theirs later. */
  update(rows: number[], descriptions: Description[]): void {
    rows.forEach((row, i) => {
      const description = descriptions[i] as Description;
      if (this.#waiting.has(row)) this.#newer.set(row, description);
      this.#describe(row, description, false);
    });
  }

  /** Cancel requests whose photos are all out of sight. */
  forget(inSight: Set<number>): void {
    const ids: string[] = [];
    for (const [id, rows] of this.#asked) {
      if (!rows.some((row) => inSight.has(row))) ids.push(id);
    }
    this.client.cancel(ids);
  }

  /** Request what is missing; returns the number of photos requested. */
  fetch(rows: number[], size: number): number {
    const free = rows.filter((row) => !this.#waiting.has(row));
    const pictures = free.filter((row) => !this.#hasPicture(row, size));
    const captions = free.filter(
      (row) => this.#hasPicture(row, size) && this.#known.get(row)?.stale,
    );
    for (let start = 0; start < pictures.length; start += BATCH) {
      void this.#askPictures(pictures.slice(start, start + BATCH), size);
    }
    for (let start = 0; start < captions.length; start += CAPTIONS) {
      void this.#askCaptions(captions.slice(start, start + CAPTIONS));
    }
    return pictures.length + captions.length;
  }

  /** A large version of a photo, as a blob URL that the caller revokes. */
  async large(row: number, size: number): Promise<string> {
    const answer = await this.client.ask<{ photos: Answered[] }>({
      kind: "photos",
      rows: [row],
      size,
    });
    const problem = answer.content.photos[0]?.problem;
    if (problem) throw new Error(problem);
    const jpeg = answer.buffers[0] as DataView<ArrayBuffer>;
    return URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
  }

  clear(): void {
    this.client.cancelAll();
    this.#known.clear();
  }

  #hasPicture(row: number, size: number): boolean {
    const photo = this.#known.get(row);
    return photo !== undefined && (photo.size >= size || photo.problem !== null);
  }

  #describe(row: number, { caption, badge, color }: Description, stale: boolean): void {
    const photo = this.#known.get(row);
    if (photo) this.#known.replace(row, { ...photo, caption, badge, color, stale });
  }

  async #askPictures(rows: number[], size: number): Promise<void> {
    await this.#ask({ kind: "photos", rows, size }, (photos, buffers, stale) => {
      rows.forEach((row, i) => {
        const buffer = buffers[i] as DataView<ArrayBuffer>;
        const url = buffer.byteLength > 0 ? inline(buffer) : null;
        const photo = { ...(photos[i] as Answered), ...this.#newer.get(row), url, size, stale };
        this.#known.set(row, photo, (url?.length ?? 0) + 256);
      });
    });
  }

  async #askCaptions(rows: number[]): Promise<void> {
    await this.#ask({ kind: "captions", rows }, (photos, _buffers, stale) => {
      rows.forEach((row, i) => {
        this.#describe(row, this.#newer.get(row) ?? (photos[i] as Answered), stale);
      });
    });
  }

  async #ask(
    question: { kind: string; rows: number[]; size?: number },
    take: (photos: Answered[], buffers: DataView<ArrayBuffer>[], stale: boolean) => void,
  ): Promise<void> {
    const { rows } = question;
    const id = this.client.newId();
    const age = this.#age;
    this.#asked.set(id, rows);
    for (const row of rows) this.#waiting.add(row);
    let problem: string | null = null;
    try {
      const { content, buffers } = await this.client.ask<{ photos: Answered[] }>(question, id);
      take(content.photos, buffers, age !== this.#age);
    } catch (error) {
      if (!(error instanceof CancelledError)) problem = (error as Error).message;
    }
    this.#asked.delete(id);
    for (const row of rows) {
      this.#waiting.delete(row);
      this.#newer.delete(row);
    }
    if (problem === null) this.arrived();
    else this.failed(problem);
  }
}

/** A data URL: a screen of thumbnails is decoded 8 times as fast as with blobs. */
function inline(jpeg: DataView<ArrayBuffer>): string {
  const bytes = new Uint8Array(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  let text = "";
  for (let start = 0; start < bytes.length; start += MAX_ARGUMENTS) {
    text += String.fromCharCode(...bytes.subarray(start, start + MAX_ARGUMENTS));
  }
  return `data:image/jpeg;base64,${btoa(text)}`;
}
