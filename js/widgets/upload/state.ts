/** Made by js/generate_types.py from the traits of the Python class. */
export interface UploadState {
  accept: string;
  disabled: boolean;
  hint: string;
  label: string;
  multiple: boolean;
}
