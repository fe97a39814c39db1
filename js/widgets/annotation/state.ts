/** Made by js/generate_types.py from the traits of the Python class. */
export interface AnnotationUIState {
  active: number;
  can_write: boolean;
  columns: number;
  height: number;
  name_part: string;
  several: boolean;
  show: string;
  shown_class: string;
  skip_labelled: boolean;
  thumbnail_size: number;
}
