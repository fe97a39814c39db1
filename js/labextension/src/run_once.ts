/**
 * Runs the first cells of a notebook that a command has just written, once it is shown.
 *
 * The request is not part of the notebook, or anyone's notebook could run code when it is opened.
 * The browser keeps it, because Notebook 7 opens the notebook in another tab. It is valid once, for
 * a minute, and only if the cells are still those that were written.
 */

import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import { PageConfig } from "@jupyterlab/coreutils";
import type { DocumentRegistry } from "@jupyterlab/docregistry";
import { NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import type { Cell } from "./notebooks/cells";

const VALID_MS = 60_000;

interface Request {
  until: number;
  cells: Cell[];
}

export const runOnce: JupyterFrontEndPlugin<void> = {
  id: "jupyter_imgcls:run-once",
  description: "Runs the first cells of a new notebook for a folder of photos.",
  autoStart: true,
  activate: (app) => {
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew: (widget, context) => {
        const request = withdrawRun(keyOf(context.path));
        if (request) void run(widget as unknown as NotebookPanel, context, request);
      },
    });
  },
};

/** Have cells run when the notebook is opened next; returns the key for `withdrawRun`. */
export function requestRun(path: string, cells: Cell[]): string {
  const key = keyOf(path);
  const request: Request = { until: Date.now() + VALID_MS, cells };
  localStorage.setItem(key, JSON.stringify(request));
  return key;
}

/** Remove a request; returns it if it is still valid. */
export function withdrawRun(key: string): Request | undefined {
  const request: Request | null = JSON.parse(localStorage.getItem(key) ?? "null");
  localStorage.removeItem(key);
  return request && Date.now() < request.until ? request : undefined;
}

// Servers behind one address differ by their base address. Notebook 7 opens files without a drive.
function keyOf(path: string): string {
  return `jupyter_imgcls:run:${PageConfig.getBaseUrl()}:${path.replace(/^[^/:]*:/, "")}`;
}

async function run(panel: NotebookPanel, context: DocumentRegistry.Context, { cells }: Request) {
  await Promise.all([context.ready, panel.sessionContext.ready]);
  const { content } = panel;
  const first = content.widgets.slice(0, cells.length);
  const unchanged = first.every(
    ({ model }, number) =>
      model.type === cells[number]?.type && model.sharedModel.source === cells[number]?.source,
  );
  if (panel.isDisposed || !unchanged) return;
  await NotebookActions.runCells(content, first, panel.sessionContext);
  content.activeCellIndex = cells.length - 1;
  await content.scrollToItem(cells.length - 1, "start");
}
