/** Made by js/generate_types.py from the traits of the Python class. */
export interface StepsState {
  asks_visitor: boolean;
  current: number;
  steps: string[][];
}
