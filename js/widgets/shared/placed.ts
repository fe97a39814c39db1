/** Call `act` with what is around an element, once it is in the page; gives what ends the wait. */
export function whenPlaced(
  inner: HTMLElement,
  around: string,
  act: (outer: HTMLElement) => void,
): () => void {
  // It has a size once it is in the page, and only then something around it.
  const placed = new ResizeObserver(() => {
    const outer = inner.closest<HTMLElement>(around);
    if (!outer) return;
    placed.disconnect();
    act(outer);
  });
  placed.observe(inner);
  return () => placed.disconnect();
}
