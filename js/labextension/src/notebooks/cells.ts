/** What a notebook is written from. */

import type { TranslationBundle } from "@jupyterlab/translation";

export interface Cell {
  type: "code" | "markdown";
  source: string;
}

export interface NotebookText {
  /** Without an ending. */
  name: string;
  cells: Cell[];
  /** How many of the cells run when it is opened. */
  runs: number;
  metadata?: Record<string, unknown>;
}

/** What of a translation the notebooks need. */
export type Words = Pick<TranslationBundle, "__">;

export const code = (source: string): Cell => ({ type: "code", source });
export const markdown = (source: string): Cell => ({ type: "markdown", source });
