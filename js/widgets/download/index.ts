import type { RenderProps } from "@anywidget/types";
import { Downloader } from "./downloader";
import type { DownloadState } from "./state";
import "./style.css";

export default {
  render({ model, el }: RenderProps<DownloadState>): () => void {
    const downloader = new Downloader(model);
    el.append(downloader.root);
    return () => downloader.close();
  },
};
