// Names in files that someone may take for paths. Imports nothing.

/** What makes a name lead out of the folder that it should lie in; null where nothing does. */
export function pathTrick(name: string): string | null {
  const trick = tricks.find(({ pattern }) => pattern.test(name));
  return trick?.what ?? null;
}

const tricks = [
  { pattern: /^$/, what: 'is empty' },
  { pattern: /\0/, what: 'has a NUL' },
  { pattern: /\\/, what: 'has a backslash' },
  { pattern: /^\//, what: 'is an absolute path' },
  { pattern: /^[a-z]:\//i, what: 'begins with a drive' },
  { pattern: /\/$/, what: 'is that of a folder' },
  { pattern: /(^|\/)\.{0,2}(\/|$)/, what: "has '.', '..' or nothing between its slashes" },
] as const;
