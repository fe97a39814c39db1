/** Made by js/generate_types.py from the traits of the Python class. */
export interface StepListState {
  asks_visitor: boolean;
  current: number;
  steps: string[][];
}
