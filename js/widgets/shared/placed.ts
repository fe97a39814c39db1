/** Call `act` with an ancestor once the element is in the page; returns what stops the wait. */
export function whenPlaced(
  inner: HTMLElement,
  around: string,
  act: (outer: HTMLElement) => void,
): () => void {
  // Only in the page has it a size and an ancestor.
  const placed = new ResizeObserver(() => {
    const outer = inner.closest<HTMLElement>(around);
    if (!outer) return;
    placed.disconnect();
    act(outer);
  });
  placed.observe(inner);
  return () => placed.disconnect();
}
