/** The JupyterLab extension: one plugin per subject, each in its own file. */

import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import { dashboards } from "./dashboards";
import { datasets } from "./datasets";
import { entries } from "./entries";
import { runOnce } from "./run_once";
import { scoring } from "./scoring";
import { stillPictures } from "./still_pictures";

export default [
  datasets,
  dashboards,
  scoring,
  entries,
  runOnce,
  stillPictures,
] satisfies JupyterFrontEndPlugin<void>[];
