/** The icons, in the colours of the host's icons. */

import { LabIcon } from "@jupyterlab/ui-components";

function icon(name: string, paths: string): LabIcon {
  const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><g class="jp-icon3 jp-icon-selectable" fill="#616161">${paths}</g></svg>`;
  return new LabIcon({ name: `imgcls:${name}`, svgstr });
}

/** A photo with a label on it. */
export const photosIcon = icon(
  "photos",
  '<path d="M5 3a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h6.2l-2-2H5V5h14v4.2l2 2V5a2 2 0 0 0-2-2z"/>' +
    '<path d="M6 16l3-4 2 2.400 1.500-2 1.500 1.600V17H6z"/><circle cx="8.500" cy="8.500" r="1.500"/>' +
    '<path fill-rule="evenodd" d="M12.500 12.500h4.700l5.300 5.300a.9.9 0 0 1 0 1.300l-3.400 3.400a.9.9 0 0 1-1.300 0l-5.300-5.300zm2.700 1.500a1.200 1.200 0 1 0 0 2.400 1.200 1.200 0 0 0 0-2.400z"/>',
);

/** A page with panels. */
export const dashboardIcon = icon(
  "dashboard",
  '<path fill-rule="evenodd" d="M5 3a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h14a2 2 0 0 0 2-2V5a2 2 0 0 0-2-2zm0 5h14v11H5z"/>' +
    '<path d="M7 10h4.500v7H7zM13 10h4v3h-4zM13 14.500h4V17h-4z"/>',
);

/** A file with score bars. */
export const modelIcon = icon(
  "model",
  '<path fill-rule="evenodd" d="M6 2a2 2 0 0 0-2 2v16a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V8l-6-6zm0 2h7v5h5v11H6z"/>' +
    '<path d="M8 11h8v2H8zM8 14h5v2H8zM8 17h2.500v1.500H8z"/>',
);
