/** Opens a folder of photos as a dataset: a notebook beside it, with AnnotationUI shown. */

import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import { showErrorMessage } from "@jupyterlab/apputils";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import {
  addFileCommand,
  fileBrowser,
  HOST_TOKENS,
  type HostParts,
  hostOf,
  openNotebook,
} from "./host";
import { photosIcon } from "./icons";
import { datasetNotebook, type Settings, sampleNotebook } from "./notebooks/workflow";
import { placeOf } from "./notebooks/writing";

const ID = "jupyter_imgcls:datasets";
/** For hosts without settings; the same as in `schema/datasets.json`. */
const DEFAULTS: Settings = {
  baseModel: "efficientnet_lite0",
  outputFolder: "imgcls_output",
  thumbnailSize: 128,
};

export const OPEN_DATASET = "imgcls:open-dataset";
export const OPEN_SAMPLE = "imgcls:open-sample";

export const datasets: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: "Opens a folder of photos as a dataset to label, train on and deploy.",
  autoStart: true,
  optional: [ISettingRegistry, ...HOST_TOKENS],
  activate: (app, registry: ISettingRegistry | null, ...tokens: unknown[]) => {
    const host = hostOf(app, ...(tokens as HostParts));
    const { trans } = host;

    async function settings(): Promise<Settings> {
      const loaded = await registry?.load(ID);
      return loaded ? (loaded.composite as unknown as Settings) : DEFAULTS;
    }

    addFileCommand(host, {
      id: OPEN_DATASET,
      label: trans.__("Open as image dataset"),
      card: trans.__("Your photos"),
      caption: trans.__("Create a notebook for a folder of photos: label, train, evaluate, deploy"),
      icon: photosIcon,
      question: trans.__("Choose the folder of photos"),
      wants: ({ type }) => type === "directory",
      run: async (path) => {
        const { folder, name } = placeOf(path, app.serviceManager.contents);
        const chosen = await settings();
        // The top folder has no parent: the notebook goes into it, the outputs go elsewhere.
        const notebook = name
          ? datasetNotebook(name, name, chosen, trans)
          : datasetNotebook("photos", ".", { ...chosen, outputFolder: "" }, trans);
        return await openNotebook(host, folder, notebook);
      },
    });

    app.commands.addCommand(OPEN_SAMPLE, {
      label: ({ cwd }) =>
        cwd === undefined ? trans.__("Try it on sample images") : trans.__("Sample images"),
      caption: trans.__("Create a notebook with the whole workflow on generated sample images"),
      icon: photosIcon,
      describedBy: {
        args: {
          type: "object",
          properties: {
            cwd: { type: "string", description: trans.__("Folder for the new notebook.") },
          },
        },
      },
      execute: async ({ cwd }) => {
        try {
          const folder = String(cwd ?? (await fileBrowser(app))?.model.path ?? "");
          return await openNotebook(host, folder, sampleNotebook(await settings(), trans));
        } catch (error) {
          await showErrorMessage(trans.__("Image classification"), error as Error);
        }
      },
    });
  },
};
