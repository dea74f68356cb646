// How much room there is. Imports preact only.

import { useEffect, useState } from 'preact/hooks';

/** How wide an element is, as it changes. */
export function useWidth(host: { readonly current: HTMLElement | null }): number {
  const [width, change] = useState(640);
  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(([entry]) => change(Math.floor(entry?.contentRect.width ?? 640)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return width;
}
