/** What is known of photos, and the questions that get what is missing. */

import { CancelledError, type Client } from "../../shared/client";
import { ByteCache } from "./lru";

const CACHE_BYTES = 24 * 2 ** 20;
/** Most screens are one question: each costs the way to the kernel and back. */
const BATCH = 32;
/** Captions take no decoding: more at once than pictures, and no more than the kernel allows. */
const CAPTIONS = 256;
/** Browsers take no more than some ten thousand arguments. */
const MOST_ARGUMENTS = 8192;
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
  #known = new ByteCache<Photo>(CACHE_BYTES);
  #asked = new Map<string, number[]>();
  #waiting = new Set<number>();
  /** What was said of photos while a question about them was open: newer than its answer. */
  #news = new Map<number, Description>();
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
    this.#age++; // answers that are under way are stale as well
    this.#news.clear();
    for (const photo of this.#known.values()) photo.stale = true;
  }

  /** Give photos new captions and badges; those of which nothing is known are asked for later. */
  update(rows: number[], descriptions: Description[]): void {
    rows.forEach((row, i) => {
      const description = descriptions[i] as Description;
      if (this.#waiting.has(row)) this.#news.set(row, description);
      this.#describe(row, description, false);
    });
  }

  /** Drop what was asked for photos that are all out of sight. */
  forget(inSight: Set<number>): void {
    const ids: string[] = [];
    for (const [id, rows] of this.#asked) {
      if (!rows.some((row) => inSight.has(row))) ids.push(id);
    }
    this.client.cancel(ids);
  }

  /** Ask for what is missing of photos; the number of photos asked for. */
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

  /** One photo large, as the URL of a picture that the caller revokes. */
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
        const photo = { ...(photos[i] as Answered), ...this.#news.get(row), url, size, stale };
        this.#known.set(row, photo, (url?.length ?? 0) + 256);
      });
    });
  }

  async #askCaptions(rows: number[]): Promise<void> {
    await this.#ask({ kind: "captions", rows }, (photos, _buffers, stale) => {
      rows.forEach((row, i) => {
        this.#describe(row, this.#news.get(row) ?? (photos[i] as Answered), stale);
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
      this.#news.delete(row);
    }
    if (problem === null) this.arrived();
    else this.failed(problem);
  }
}

/** The whole picture in its address: a screen of thumbnails is decoded 8 times as fast as blobs. */
function inline(jpeg: DataView<ArrayBuffer>): string {
  const bytes = new Uint8Array(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  let text = "";
  for (let start = 0; start < bytes.length; start += MOST_ARGUMENTS) {
    text += String.fromCharCode(...bytes.subarray(start, start + MOST_ARGUMENTS));
  }
  return `data:image/jpeg;base64,${btoa(text)}`;
}
