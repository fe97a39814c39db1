import type { RenderProps } from "@anywidget/types";
import type { UploadState } from "./state";
import { Uploader } from "./uploader";
import "./style.css";

export default {
  render({ model, el }: RenderProps<UploadState>): () => void {
    const uploader = new Uploader(model);
    el.append(uploader.root);
    return () => uploader.close();
  },
};
