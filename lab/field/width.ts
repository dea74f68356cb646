// How much room there is. Imports preact only.

import { useEffect, useLayoutEffect, useState } from 'preact/hooks';

/** How wide an element is, as it changes; 0 before it is there. */
export function useWidth(host: { readonly current: HTMLElement | null }): number {
  const [width, change] = useState(0);
  // Before anything is drawn.
  useLayoutEffect(() => {
    if (host.current !== null) change(Math.floor(host.current.getBoundingClientRect().width));
  }, []);
  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(([entry]) => change(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return width;
}
