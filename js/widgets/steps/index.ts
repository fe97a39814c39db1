import type { InitializeProps, RenderProps } from "@anywidget/types";
import type { StepsState } from "./state";
import { Steps } from "./steps";
import { visitor } from "./visitor";
import "./dashboard.css";
import "./style.css";

export default {
  initialize({ model }: InitializeProps<StepsState>): void {
    if (model.get("asks_visitor"))
      model.send({ kind: "visitor", id: visitor(() => window.localStorage) });
  },
  render({ model, el }: RenderProps<StepsState>): () => void {
    const steps = new Steps(model);
    el.append(steps.root);
    return () => steps.close();
  },
};
