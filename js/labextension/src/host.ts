/** What the commands need from the host; some hosts lack parts of it. */

import { ILabShell, type JupyterFrontEnd } from "@jupyterlab/application";
import { showErrorMessage } from "@jupyterlab/apputils";
import { URLExt } from "@jupyterlab/coreutils";
import type { FileBrowser } from "@jupyterlab/filebrowser";
import type { Contents } from "@jupyterlab/services";
import { ITranslator, nullTranslator, type TranslationBundle } from "@jupyterlab/translation";
import type { LabIcon } from "@jupyterlab/ui-components";
import type { ReadonlyPartialJSONObject } from "@lumino/coreutils";
import type { NotebookText } from "./notebooks/cells";
import { writeNotebook } from "./notebooks/writing";
import { requestRun, withdrawRun } from "./run_once";

/** For a plugin's `optional`; `hostOf` takes the services that the host gives for them. */
export const HOST_TOKENS = [ITranslator, ILabShell];
export type HostParts = [ITranslator | null, ILabShell | null];

export interface Host {
  app: JupyterFrontEnd;
  trans: TranslationBundle;
  /** Null in Notebook 7, where each document has its own browser tab. */
  tabs: ILabShell | null;
}

export function hostOf(app: JupyterFrontEnd, ...[translator, tabs]: HostParts): Host {
  return { app, trans: (translator ?? nullTranslator).load("jupyter_imgcls"), tabs };
}

/** The file browser that was used last, in a host that has one. */
export async function fileBrowser(app: JupyterFrontEnd): Promise<FileBrowser | null> {
  // Not at the top: voila also loads this extension and lacks the package.
  const { IFileBrowserFactory } = await import("@jupyterlab/filebrowser");
  return (await app.resolveOptionalService(IFileBrowserFactory))?.tracker.currentWidget ?? null;
}

/** A command on a file or folder. */
export interface FileCommand {
  id: string;
  /** In menus; with an ellipsis if the user is asked for the file. */
  label: string;
  /** On a card of the launcher. */
  card: string;
  caption: string;
  icon: LabIcon;
  /** Title of the dialog that asks for the file if none is given. */
  question: string;
  wants: (item: Contents.IModel) => boolean;
  /** Returns the path of the notebook, or nothing if the user cancelled. */
  run: (path: string) => Promise<string | undefined>;
}

/** Add a command; it shows errors to the user, and then resolves to nothing. */
export function addFileCommand(host: Host, command: FileCommand): void {
  const { app, trans } = host;
  const { id, label, card, caption, icon } = command;
  app.commands.addCommand(id, {
    label: (args) => {
      if ("cwd" in args || args.card) return card;
      return args.path !== undefined || args.selected ? label : `${label}…`;
    },
    caption,
    icon,
    describedBy: {
      args: {
        type: "object",
        properties: {
          path: {
            type: "string",
            description: trans.__("Path of the file or folder in the contents API."),
          },
          selected: {
            type: "boolean",
            description: trans.__("Without a path, use the selection of the file browser."),
          },
          cwd: {
            type: "string",
            description: trans.__("Without a path, the folder in which the file dialog opens."),
          },
        },
      },
    },
    execute: async (args) => {
      try {
        const path = args.path ?? (await choose(host, command, args));
        return typeof path === "string" ? await command.run(path) : undefined;
      } catch (error) {
        await showErrorMessage(label, error as Error);
      }
    },
  });
}

async function choose(
  { app, trans }: Host,
  { question, wants }: FileCommand,
  args: ReadonlyPartialJSONObject,
): Promise<string | undefined> {
  if (args.selected) {
    for (const item of (await fileBrowser(app))?.selectedItems() ?? []) {
      if (wants(item)) return item.path;
    }
  }
  const { IDocumentManager } = await import("@jupyterlab/docmanager");
  const manager = await app.resolveOptionalService(IDocumentManager);
  if (!manager) throw new Error(trans.__("The command needs a path."));
  const { FileDialog } = await import("@jupyterlab/filebrowser");
  const defaultPath = args.cwd as string | undefined;
  const { value } = wants({ type: "directory" } as Contents.IModel)
    ? await FileDialog.getExistingDirectory({ manager, title: question, defaultPath })
    : await FileDialog.getOpenFiles({
        ...{ manager, title: question, defaultPath },
        filter: (item) => (wants(item) ? {} : null),
      });
  const chosen = value?.[0];
  if (chosen && !wants(chosen)) throw new Error(question);
  return chosen?.path;
}

/** Write a notebook, open it, and run its first cells. */
export async function openNotebook(
  host: Host,
  folder: string,
  notebook: NotebookText,
): Promise<string> {
  const { serviceManager, commands } = host.app;
  const path = await writeNotebook(serviceManager, folder, notebook);
  const key = requestRun(path, notebook.cells.slice(0, notebook.runs));
  if (host.tabs) {
    await commands.execute("docmanager:open", { path, factory: "Notebook" });
    withdrawRun(key); // it has begun, or the notebook was open already
  } else {
    openPage(host, "notebooks", path);
  }
  return path;
}

/** The address of a file on a page of the server, such as the notebook page. */
export function pageUrl({ serviceManager }: JupyterFrontEnd, page: string, path: string): string {
  const { contents, serverSettings } = serviceManager;
  const file = URLExt.encodeParts(contents.localPath(path));
  return URLExt.join(serverSettings.baseUrl, page, file);
}

/** Open the page of a file in another browser tab. */
export function openPage({ app }: Host, page: string, path: string, query = ""): void {
  window.open(pageUrl(app, page, path) + query, "_blank", "noopener");
}
