/** Made by js/generate_types.py from the traits of the Python class. */
export interface FrameState {
  height: number;
  key_list: string[][];
  name: string;
  parts: string[][];
  said: string;
}
