/** Made by js/generate_types.py from the traits of the Python class. */
export interface DownloadState {
  disabled: boolean;
  label: string;
  note: string;
}
