import type { RenderProps } from "@anywidget/types";
import { Annotator } from "./annotator";
import type { AnnotationUIState } from "./state";
import "./style.css";

export default {
  render({ model, el }: RenderProps<AnnotationUIState>): () => void {
    const annotator = new Annotator(model);
    el.append(annotator.root);
    return () => annotator.close();
  },
};
