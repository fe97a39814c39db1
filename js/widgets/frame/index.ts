import type { RenderProps } from "@anywidget/types";
import { Frame } from "./frame";
import type { FrameState } from "./state";
import "./style.css";

export default {
  render({ model, el }: RenderProps<FrameState>): () => void {
    const frame = new Frame(model);
    el.append(frame.root);
    return () => frame.close();
  },
};
