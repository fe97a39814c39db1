/** The notebook that voila shows as a page. */

import { code, type NotebookText } from "./cells";
import { literal } from "./python";

/** For a folder, named `folder` as seen from the notebook. */
export function dashboardNotebook(name: string, folder: string): NotebookText {
  // Who opens it here may run any code: it is the page of the one user of this server.
  // `Dashboard` reads a leading '~' as a home folder.
  const home = folder.startsWith("~");
  const place = home ? `Path.cwd() / ${literal(folder)}` : literal(folder);
  return {
    name: `${name} dashboard`,
    runs: 1,
    metadata: { voila: { template: "imgcls" } },
    cells: [
      code(`${home ? "from pathlib import Path\n\n" : ""}from jupyter_imgcls.dashboard import Dashboard

Dashboard(${place}, share=False)`),
    ],
  };
}
