import type { InitializeProps, RenderProps } from "@anywidget/types";
import type { StepListState } from "./state";
import { StepList } from "./step_list";
import { visitor } from "./visitor";
import "./dashboard.css";
import "./style.css";

export default {
  initialize({ model }: InitializeProps<StepListState>): void {
    if (model.get("asks_visitor"))
      model.send({ kind: "visitor", id: visitor(() => window.localStorage) });
  },
  render({ model, el }: RenderProps<StepListState>): () => void {
    const steps = new StepList(model);
    el.append(steps.root);
    return () => steps.close();
  },
};
