/** Made by js/generate_types.py from the traits of the Python class. */
export interface ImageGridState {
  active: number;
  height: number;
  thumbnail_size: number;
}
