/** Writes a notebook where there is none yet. */

import type { Contents, ServiceManager } from "@jupyterlab/services";
import type { Cell, NotebookText } from "./cells";

/** A file or folder as the user knows it, and the folder that holds it. */
export interface Place {
  /** With its drive ('RTC:photos'), as the contents manager knows it. */
  folder: string;
  name: string;
}

type Paths = Pick<Contents.IManager, "driveName" | "localPath">;

/** Where a path points. For the top folder, which lies in no other, the name is empty. */
export function placeOf(path: string, contents: Paths): Place {
  const drive = contents.driveName(path);
  const parts = contents.localPath(path).split("/").filter(Boolean);
  const name = parts.pop() ?? "";
  return { folder: (drive ? `${drive}:` : "") + parts.join("/"), name };
}

/** The path of what lies in a folder. */
export function within(folder: string, name: string): string {
  return folder === "" || folder.endsWith(":") ? folder + name : `${folder}/${name}`;
}

/** `name.ipynb`, or `name 2.ipynb` and so on; capitals make no difference, as on many disks. */
export function freeName(name: string, names: Iterable<string>): string {
  const taken = new Set([...names].map((each) => each.toLowerCase()));
  for (let number = 1; ; number++) {
    const free = number === 1 ? `${name}.ipynb` : `${name} ${number}.ipynb`;
    if (!taken.has(free.toLowerCase())) return free;
  }
}

/**
 * Write a notebook into a folder and give its path.
 *
 * One of that name with the very same cells is taken as it is; any other stays, and the new one
 * gets a number.
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
  // The server makes an untitled file where none is, and renames it to no name that is taken: so
  // nothing is overwritten, even if another program writes that name at this moment.
  const draft = await contents.newUntitled({ path: folder, type: "notebook" });
  try {
    await contents.save(draft.path, { type: "notebook", format: "json", content });
    return (await contents.rename(draft.path, within(folder, freeName(notebook.name, names)))).path;
  } catch (error) {
    await contents.delete(draft.path);
    throw error;
  }
}

/** Whether the text of a notebook file has these cells; their outputs do not matter. */
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
  if (!kernel) throw new Error("There is no Python kernel: run 'pip install ipykernel'.");
  return { name: kernel.name, display_name: kernel.display_name, language: "python" };
}
