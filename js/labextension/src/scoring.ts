/** Recognizes saved classifiers in the file browser, and scores photos with one. */

import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import { addFileCommand, HOST_TOKENS, type HostParts, hostOf, openNotebook } from "./host";
import { modelIcon } from "./icons";
import { scoringNotebook } from "./notebooks/scoring";
import { placeOf } from "./notebooks/writing";

const ENDING = ".model";

export const SCORE_PHOTOS = "imgcls:score-photos";

export const scoring: JupyterFrontEndPlugin<void> = {
  id: "jupyter_imgcls:scoring",
  description: "Scores photos with a saved classifier.",
  autoStart: true,
  optional: HOST_TOKENS,
  activate: (app, ...tokens) => {
    const host = hostOf(app, ...(tokens as HostParts));
    const { trans } = host;

    app.docRegistry.addFileType({
      name: "imgcls-model",
      displayName: trans.__("Image classifier"),
      extensions: [ENDING],
      mimeTypes: ["application/zip"],
      contentType: "file",
      fileFormat: "base64",
      icon: modelIcon,
    });

    addFileCommand(host, {
      id: SCORE_PHOTOS,
      label: trans.__("Score photos with this model"),
      card: trans.__("Score photos"),
      caption: trans.__("Create a notebook that scores photos with a saved classifier"),
      icon: modelIcon,
      question: trans.__("Choose a saved classifier (a .model file)"),
      wants: ({ type, name }) => type !== "directory" && name.toLowerCase().endsWith(ENDING),
      run: async (path) => {
        const { folder, name } = placeOf(path, app.serviceManager.contents);
        const stem = name.replace(/\.[^.]*$/, "");
        return await openNotebook(host, folder, scoringNotebook(stem, name, trans));
      },
    });
  },
};
