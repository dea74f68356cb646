export function Content() { return <p>…</p>; }
