import type { RenderProps } from "@anywidget/types";
import { Grid } from "./grid";
import type { ImageGridState } from "./state";
import "./style.css";

export default {
  render({ model, el }: RenderProps<ImageGridState>): () => void {
    const grid = new Grid(model);
    el.append(grid.root);
    return () => grid.close();
  },
};
