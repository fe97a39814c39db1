/** Adds the commands to the launcher and the command palette. */

import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette } from "@jupyterlab/apputils";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { OPEN_DASHBOARD } from "./dashboards";
import { OPEN_DATASET, OPEN_SAMPLE } from "./datasets";
import { SCORE_PHOTOS } from "./scoring";

export const entries: JupyterFrontEndPlugin<void> = {
  id: "jupyter_imgcls:entries",
  description: "Adds image classification to the launcher and the command palette.",
  autoStart: true,
  optional: [ICommandPalette, ITranslator],
  activate: async (app, palette: ICommandPalette | null, translator: ITranslator | null) => {
    if (!palette) return; // voila, which has no files to open either
    const { ILauncher } = await import("@jupyterlab/launcher");
    const launcher = await app.resolveOptionalService(ILauncher);
    const category = (translator ?? nullTranslator)
      .load("jupyter_imgcls")
      .__("Image classification");
    const commands = [OPEN_DATASET, OPEN_DASHBOARD, SCORE_PHOTOS, OPEN_SAMPLE];
    commands.forEach((command, rank) => {
      palette.addItem({ command, category, rank });
      launcher?.add({ command, category, rank });
    });
  },
};
