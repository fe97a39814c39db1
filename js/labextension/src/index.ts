/** The JupyterLab extension: one plugin a subject, each in its own file. */

import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import { stillPictures } from "./still_pictures";

export default [stillPictures] satisfies JupyterFrontEndPlugin<void>[];
