import type { Contents, ServiceManager } from "@jupyterlab/services";
import { expect, test } from "vitest";
import { code } from "./cells";
import { dashboardNotebook } from "./dashboard";
import { datasetNotebook, type Settings, sampleNotebook } from "./workflow";
import { freeName, isSame, placeOf, within, writeNotebook } from "./writing";

const trans = {
  __: (text: string, ...parts: unknown[]) => text.replace(/%(\d)/g, (_, n) => String(parts[n - 1])),
};
const settings: Settings = {
  baseModel: "resnet18",
  outputFolder: "results",
  thumbnailSize: 200,
};
const sources = (notebook: { cells: { source: string }[] }) =>
  notebook.cells.map(({ source }) => source).join("\n");
// As the contents manager does it.
const paths = {
  driveName: (path: string) => /^([^/:]+):/.exec(path)?.[1] ?? "",
  localPath: (path: string) => path.replace(/^[^/:]+:/, ""),
};

test.each([
  ["photos", { folder: "", name: "photos" }],
  ["a/deep one/my photos", { folder: "a/deep one", name: "my photos" }],
  ["RTC:photos", { folder: "RTC:", name: "photos" }],
  ["RTC:a/photos/", { folder: "RTC:a", name: "photos" }],
  ["", { folder: "", name: "" }],
])("the folder %j lies in %j", (path, place) => {
  expect(placeOf(path, paths)).toEqual(place);
});

test("a path goes on in a folder, in the top folder, and in a drive", () => {
  expect(["a/b", "", "RTC:", "RTC:a"].map((folder) => within(folder, "x.ipynb"))).toEqual([
    "a/b/x.ipynb",
    "x.ipynb",
    "RTC:x.ipynb",
    "RTC:a/x.ipynb",
  ]);
});

test("a name that is taken, in capitals or not, gets a number", () => {
  expect(freeName("photos", ["other.ipynb"])).toBe("photos.ipynb");
  expect(freeName("photos", ["Photos.ipynb", "photos 2.ipynb"])).toBe("photos 3.ipynb");
});

test("a notebook is the same as long as its cells are, whatever they put out", () => {
  const file = (source: string | string[]) =>
    JSON.stringify({ cells: [{ cell_type: "code", source, outputs: [1] }] });
  const cells = [code("a = 1\nb = 2")];
  expect(isSame(file(["a = 1\n", "b = 2"]), cells)).toBe(true);
  expect(isSame(file("a = 2"), cells)).toBe(false);
  expect(isSame("no notebook", cells)).toBe(false);
});

test("settings are in the code, and so is the folder", () => {
  const text = sources(datasetNotebook('my "photos"', 'my "photos"', settings, trans));
  expect(text).toContain('create_from_dir("my \\"photos\\"", "my \\"photos\\"")');
  expect(text).toContain('base_model="resnet18"');
  expect(text).toContain('output = Path("results")');
  expect(text).toContain("thumbnail_size=200");
  expect(text).toContain('Deployment("my-photos", model)');
});

test("without an output folder the user account's are taken", () => {
  const text = sources(sampleNotebook({ ...settings, outputFolder: "" }, trans));
  expect(text).toContain("output = Context.get_global_context().storage.outputs_path");
  expect(text).not.toContain("pathlib");
});

test("a folder that looks like a home folder is taken for what it is", () => {
  expect(sources(dashboardNotebook("~photos", "~photos"))).toContain('Path.cwd() / "~photos"');
});

test("a name that is taken at the last moment is left alone, and no draft stays", async () => {
  const deleted: string[] = [];
  const contents = {
    get: async () => ({ content: [] }),
    newUntitled: async () => ({ path: "Untitled.ipynb" }),
    save: async () => undefined,
    rename: async () => Promise.reject(new Error("File already exists: photos.ipynb")),
    delete: async (path: string) => deleted.push(path),
  } as unknown as Contents.IManager;
  const python = { name: "python3", display_name: "Python 3", language: "python" };
  const kernelspecs = {
    ready: Promise.resolve(),
    specs: { default: "python3", kernelspecs: { python3: python } },
  };
  const services = { contents, kernelspecs } as unknown as ServiceManager.IManager;
  const notebook = { name: "photos", runs: 1, cells: [code("1")] };
  await expect(writeNotebook(services, "", notebook)).rejects.toThrow("already exists");
  expect(deleted).toEqual(["Untitled.ipynb"]);
});
