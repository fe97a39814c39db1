/** The parts of a notebook to write. */

import type { TranslationBundle } from "@jupyterlab/translation";

export interface Cell {
  type: "code" | "markdown";
  source: string;
}

export interface NotebookText {
  /** File name without its ending. */
  name: string;
  cells: Cell[];
  /** How many of the cells run when it is opened. */
  runs: number;
  metadata?: Record<string, unknown>;
}

/** The part of a translation that the notebooks need. */
export type Trans = Pick<TranslationBundle, "__">;

export const code = (source: string): Cell => ({ type: "code", source });
export const markdown = (source: string): Cell => ({ type: "markdown", source });
