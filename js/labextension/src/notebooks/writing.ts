/** Writes a notebook under a name that is free. */

import type { Contents, ServiceManager } from "@jupyterlab/services";
import type { Cell, NotebookText } from "./cells";

/** A file or folder as the user knows it, and the folder that holds it. */
export interface Place {
  /** With its drive ('RTC:photos'), as in the contents manager. */
  folder: string;
  name: string;
}

type Paths = Pick<Contents.IManager, "driveName" | "localPath">;

/** Split a path. The top folder has an empty name. */
export function placeOf(path: string, contents: Paths): Place {
  const drive = contents.driveName(path);
  const parts = contents.localPath(path).split("/").filter(Boolean);
  const name = parts.pop() ?? "";
  return { folder: (drive ? `${drive}:` : "") + parts.join("/"), name };
}

/** The path of a file in a folder. */
export function within(folder: string, name: string): string {
  return folder === "" || folder.endsWith(":") ? folder + name : `${folder}/${name}`;
}

/** `name.ipynb`, or `name 2.ipynb` and so on; case is ignored, as on many disks. */
export function freeName(name: string, names: Iterable<string>): string {
  const taken = new Set([...names].map((each) => each.toLowerCase()));
  for (let number = 1; ; number++) {
    const free = number === 1 ? `${name}.ipynb` : `${name} ${number}.ipynb`;
    if (!taken.has(free.toLowerCase())) return free;
  }
}

/**
 * Write a notebook into a folder and return its path.
 *
 * An existing notebook of that name with the same cells is used as it is; any other is kept, and
 * the new one gets a number.
 */
export async function writeNotebook(
  services: ServiceManager.IManager,
  folder: string,
  notebook: NotebookText,
): Promise<string> {
  const { contents } = services;
  const listing: Contents.IModel = await contents.get(folder, { content: true });
  const items = listing.content as Contents.IModel[];
  const wanted = `${notebook.name}.ipynb`;
  if (items.some(({ name, type }) => name === wanted && type !== "directory")) {
    const { content } = await contents.get(within(folder, wanted), {
      ...{ type: "file", format: "text", content: true },
    });
    if (isSame(content as string, notebook.cells)) return within(folder, wanted);
  }
  const names = items.map(({ name }) => name);
  const content = await nbformat(services, notebook);
  // The server creates an untitled file and refuses to rename it to a name that is taken, so that
  // nothing is overwritten, even if another program writes that file at this moment.
  const draft = await contents.newUntitled({ path: folder, type: "notebook" });
  try {
    await contents.save(draft.path, { type: "notebook", format: "json", content });
    return (await contents.rename(draft.path, within(folder, freeName(notebook.name, names)))).path;
  } catch (error) {
    await contents.delete(draft.path);
    throw error;
  }
}

/** Whether a notebook file has these cells; outputs are ignored. */
export function isSame(text: string, cells: Cell[]): boolean {
  try {
    const there = JSON.parse(text).cells as { cell_type: string; source: string | string[] }[];
    return (
      there.length === cells.length &&
      there.every(
        ({ cell_type, source }, number) =>
          cell_type === cells[number]?.type && [source].flat().join("") === cells[number]?.source,
      )
    );
  } catch {
    return false; // it is some other file
  }
}

async function nbformat(services: ServiceManager.IManager, notebook: NotebookText) {
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      kernelspec: await pythonKernel(services),
      language_info: { name: "python" },
      ...notebook.metadata,
    },
    cells: notebook.cells.map(({ type, source }, number) => ({
      id: `imgcls-${number + 1}`,
      cell_type: type,
      metadata: {},
      source,
      ...(type === "code" && { execution_count: null, outputs: [] }),
    })),
  };
}

async function pythonKernel({ kernelspecs }: ServiceManager.IManager) {
  await kernelspecs.ready;
  const specs = kernelspecs.specs?.kernelspecs ?? {};
  const preferred = specs[kernelspecs.specs?.default ?? ""];
  const kernel = [preferred, ...Object.values(specs)].find((spec) => spec?.language === "python");
  if (!kernel) throw new Error("No Python kernel found: run 'pip install ipykernel'.");
  return { name: kernel.name, display_name: kernel.display_name, language: "python" };
}
