/** Opens the dashboard for a folder of photos: as a page with voila, else in a notebook. */

import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from "@jupyterlab/application";
import {
  Dialog,
  IThemeManager,
  MainAreaWidget,
  showDialog,
  WidgetTracker,
} from "@jupyterlab/apputils";
import { PageConfig, URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";
import { IFrame } from "@jupyterlab/ui-components";
import {
  addFileCommand,
  HOST_TOKENS,
  type Host,
  type HostParts,
  hostOf,
  openNotebook,
  openPage,
  pageUrl,
} from "./host";
import { dashboardIcon } from "./icons";
import { dashboardNotebook } from "./notebooks/dashboard";
import { placeOf, writeNotebook } from "./notebooks/writing";

type Tab = MainAreaWidget<IFrame>;

/** Every installation of voila has it. */
const PREVIEW = "@voila-dashboards/jupyterlab-preview";
/** Voila's address, before the path of the notebook. */
const PAGE = "voila/render";

export const OPEN_DASHBOARD = "imgcls:open-dashboard";

export const dashboards: JupyterFrontEndPlugin<void> = {
  id: "jupyter_imgcls:dashboards",
  description: "Shows the whole workflow on a folder of photos as one page.",
  autoStart: true,
  optional: [IThemeManager, ILayoutRestorer, ...HOST_TOKENS],
  activate: (
    app,
    themes: IThemeManager | null,
    restorer: ILayoutRestorer | null,
    ...tokens: unknown[]
  ) => {
    const host = hostOf(app, ...(tokens as HostParts));
    const { trans } = host;
    const label = trans.__("Image classification dashboard");
    const tracker = new WidgetTracker<Tab>({ namespace: "imgcls-dashboard" });
    const hasVoila = once(() => findVoila(app));

    addFileCommand(host, {
      id: OPEN_DASHBOARD,
      label,
      card: trans.__("Dashboard"),
      caption: trans.__("Open the whole workflow for a folder of photos as one page, without code"),
      icon: dashboardIcon,
      question: trans.__("Choose the folder of photos"),
      wants: ({ type }) => type === "directory",
      run: async (path) => {
        const { contents } = app.serviceManager;
        const { folder, name } = placeOf(path, contents);
        const notebook = dashboardNotebook(name || "photos", name || ".");
        if (!(await hasVoila())) {
          return (await acceptsNotebook(host, label))
            ? await openNotebook(host, folder, notebook)
            : undefined;
        }
        const file = await writeNotebook(app.serviceManager, folder, notebook);
        const query = `?theme=${isDark(themes) ? "dark" : "light"}`;
        if (host.tabs) showTab(path, notebook.name, pageUrl(app, PAGE, file) + query);
        else openPage(host, PAGE, file, query);
        return file;
      },
    });

    function showTab(path: string, title: string, url: string): void {
      const id = `imgcls-dashboard:${path}`;
      const shown = tracker.find((tab) => tab.id === id) ?? newTab(id, title, url);
      if (!shown.isAttached) app.shell.add(shown, "main");
      if (!tracker.has(shown)) void tracker.add(shown);
      app.shell.activateById(id);
    }

    void restorer?.restore(tracker, {
      command: OPEN_DASHBOARD,
      args: ({ id }) => ({ path: id.slice(id.indexOf(":") + 1) }),
      name: ({ id }) => id,
    });
  },
};

function newTab(id: string, title: string, url: string): Tab {
  const content = new IFrame({
    sandbox: [
      "allow-downloads",
      "allow-forms",
      "allow-modals",
      "allow-popups",
      "allow-same-origin",
      "allow-scripts",
    ],
  });
  content.url = url;
  const tab = new MainAreaWidget({ content });
  tab.id = id;
  tab.title.label = title;
  tab.title.caption = title;
  tab.title.icon = dashboardIcon;
  tab.title.closable = true;
  // Voila ends the kernel when its page is left; a page that is removed gets no such event.
  tab.disposed.connect(() => {
    content.node.querySelector("iframe")?.contentWindow?.dispatchEvent(new Event("beforeunload"));
  });
  return tab;
}

function isDark(themes: IThemeManager | null): boolean {
  return Boolean(themes?.theme && !themes.isLight(themes.theme));
}

/** Whether voila answers; asked only if its extension is there, as a missing file logs an error. */
async function findVoila(app: JupyterFrontEnd): Promise<boolean> {
  if (!PageConfig.getOption("federated_extensions").includes(PREVIEW)) return false;
  const { serverSettings } = app.serviceManager;
  const url = URLExt.join(serverSettings.baseUrl, "voila/static/voila.js");
  return (await ServerConnection.makeRequest(url, { method: "HEAD" }, serverSettings)).ok;
}

/** Ask again until the answer is yes, then remember it. */
function once(ask: () => Promise<boolean>): () => Promise<boolean> {
  let found = false;
  return async () => {
    found ||= await ask();
    return found;
  };
}

async function acceptsNotebook({ trans }: Host, title: string): Promise<boolean> {
  const body = trans.__(
    'The dashboard needs voila to be a page of its own: run "pip install ' +
      "'jupyter_imgcls[dashboard]'\" and restart Jupyter. Without voila it opens in a notebook.",
  );
  const buttons = [
    Dialog.cancelButton({ label: trans.__("Cancel") }),
    Dialog.okButton({ label: trans.__("Show in a notebook") }),
  ];
  return (await showDialog({ title, body, buttons })).button.accept;
}
