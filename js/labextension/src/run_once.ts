/**
 * Runs the first cells of a notebook that a command has just written, once it is shown.
 *
 * The request does not stand in the notebook, or a notebook of others could run code. It is kept in
 * the browser, for Notebook 7 shows the notebook in another tab; it holds for one opening within a
 * minute, and only if the cells are still those that were written.
 */

import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import { PageConfig } from "@jupyterlab/coreutils";
import type { DocumentRegistry } from "@jupyterlab/docregistry";
import { NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import type { Cell } from "./notebooks/cells";

const HOLDS_MS = 60_000;

interface Request {
  until: number;
  cells: Cell[];
}

export const runOnce: JupyterFrontEndPlugin<void> = {
  id: "jupyter_imgcls:run-once",
  description: "Runs the first cells of a notebook that was just written for a folder of photos.",
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

/** Have cells run when the notebook is opened next; gives what `withdrawRun` takes. */
export function requestRun(path: string, cells: Cell[]): string {
  const key = keyOf(path);
  const request: Request = { until: Date.now() + HOLDS_MS, cells };
  localStorage.setItem(key, JSON.stringify(request));
  return key;
}

/** Take a request back, if it is there and still holds. */
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
