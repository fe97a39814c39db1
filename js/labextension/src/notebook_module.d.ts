/** What we use of this package of the host; installing it would bring a hundred others. */
declare module "@jupyterlab/notebook" {
  import type { ISessionContext } from "@jupyterlab/apputils";
  import type { Widget } from "@lumino/widgets";

  interface Cell {
    model: { type: string; sharedModel: { source: string } };
  }

  interface Notebook extends Widget {
    activeCellIndex: number;
    readonly widgets: readonly Cell[];
    scrollToItem(index: number, align: "start"): Promise<void>;
  }

  interface NotebookPanel extends Widget {
    readonly content: Notebook;
    readonly sessionContext: ISessionContext;
  }

  const NotebookActions: {
    runCells(
      notebook: Notebook,
      cells: readonly Cell[],
      sessionContext: ISessionContext,
    ): Promise<boolean>;
  };
}
