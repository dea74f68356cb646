// The laws of the source tree as a function from sources to findings. Imports the TypeScript parser only.
import { posix } from 'node:path';
import ts from 'typescript';

export interface Source {
  readonly path: string;
  readonly text: string;
}

/** What each layer of src builds on. It may import these, itself, and what they may import. */
const buildsOn: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  notation: ['errors'],
  sizes: ['notation'],
  plan: ['sizes'],
  erf: [],
  kernels: ['plan', 'erf'],
  format: ['kernels'],
  storage: ['kernels'],
  init: ['storage'],
  tensor: ['format', 'storage'],
  create: ['tensor'],
  generator: ['errors', 'erf'],
  random: ['create', 'generator'],
  gradients: ['tensor'],
  autograd: ['create', 'gradients'],
  ops: ['random', 'autograd'],
  methods: ['ops'],
  nn: ['methods'],
  'nn/blocks': ['nn'],
  'nn/index': ['nn/blocks'],
  explain: ['nn'],
  adapters: ['nn'],
  optim: ['nn'],
  data: ['nn'],
  inspect: ['nn/blocks', 'io'],
  fold: ['nn/blocks', 'io'],
  index: ['explain', 'optim', 'data', 'init', 'io'],
  cli: [],
};

/** Layers that may import these and nothing under them. */
const onlyThese: Readonly<Record<string, readonly string[]>> = { io: ['errors', 'tensor', 'create'] };

/** Packages that a layer may import. */
const packages: Readonly<Record<string, readonly string[]>> = { fold: ['@bufbuild/protobuf', '@bufbuild/protobuf/wkt'] };

/** Files that may re-export: the entries of the package. */
const entries = ['src/index.ts', 'src/nn/index.ts', 'src/io/io.ts', 'src/inspect/index.ts', 'src/fold/index.ts'];

/** Places that reach the package by its public names only. */
const outsiders = ['src/cli/', 'tools/', 'lab/', 'bench/', 'examples/', 'README.md'];

/** Every breach of the laws in these sources, each as one line that names its file. */
export function findings(sources: readonly Source[]): string[] {
  const modules = sources.map(readModule);
  return [...modules.flatMap(ownFindings), ...modules.flatMap(layerFindings), ...cycleFindings(modules)];
}

/** The code blocks of a Markdown file, each as a source of its own. */
export function codeBlocks({ path, text }: Source): Source[] {
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)];
  return blocks.map((block, i) => ({ path: `${path}#${i + 1}`, text: block[1] ?? '' }));
}

interface Import {
  readonly from: string;
  /** Erased or deferred: nothing is loaded when the module is. */
  readonly lazy: boolean;
}

interface Module {
  readonly path: string;
  readonly file: ts.SourceFile;
  readonly imports: readonly Import[];
}

function readModule({ path, text }: Source): Module {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  const imports: Import[] = [];
  visit(file, (node) => {
    const { from, lazy } = importOf(node) ?? {};
    if (from !== undefined && ts.isStringLiteral(from)) imports.push({ from: from.text, lazy: lazy === true });
  });
  return { path, file, imports };
}

function importOf(node: ts.Node): { from: ts.Node | undefined; lazy: boolean } | null {
  if (ts.isImportDeclaration(node)) {
    return { from: node.moduleSpecifier, lazy: node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword };
  }
  if (ts.isExportDeclaration(node)) return { from: node.moduleSpecifier, lazy: node.isTypeOnly };
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return { from: node.argument.literal, lazy: true };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return { from: node.arguments[0], lazy: true };
  }
  return null;
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  node.forEachChild((child) => visit(child, see));
}

/** What a file does wrong by itself. */
function ownFindings({ path, file }: Module): string[] {
  const found = /(^|\/)(utils|types)\.ts$/.test(path) ? [`${path}: a file is named for what it holds`] : [];
  const imported = importedNames(file);
  visit(file, (node) => {
    const breach =
      (isDefaultExport(node) && !path.endsWith('.config.ts') && 'default export') || (path.startsWith('src/') && breachOf(node, path, file, imported));
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
    if (breach) found.push(`${path}:${line + 1}: ${breach}`);
  });
  return found;
}

/** What a node of src does wrong. */
function breachOf(node: ts.Node, path: string, file: ts.SourceFile, imported: ReadonlySet<string>): string | null {
  if (ts.isExportDeclaration(node)) {
    if (!node.exportClause || ts.isNamespaceExport(node.exportClause)) return 'export * makes a barrel';
    const passesOn =
      node.moduleSpecifier !== undefined ||
      node.exportClause.elements.some((element) => imported.has((element.propertyName ?? element.name).text));
    if (passesOn && !entries.includes(path)) return `re-export outside ${entries.join(', ')}`;
  }
  if (ts.isNewExpression(node)) {
    const name = node.expression.getText(file);
    if (name.endsWith('Error') && name !== 'KeelError') return `${name} instead of KeelError`;
  }
  if (ts.isNonNullExpression(node) && !ts.isElementAccessExpression(node.expression)) return '! stands after x[i] only';
  if (ts.isAssertionExpression(node) && node.type.getText(file) !== 'const' && !hasComment(file, node)) {
    return 'a cast without a comment that proves it';
  }
  return null;
}

function importedNames(file: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  visit(file, (node) => {
    if (ts.isImportSpecifier(node) || ts.isNamespaceImport(node)) names.add(node.name.text);
    else if (ts.isImportClause(node) && node.name) names.add(node.name.text);
  });
  return names;
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportAssignment(node)) return true;
  if (ts.isExportSpecifier(node)) return node.name.text === 'default';
  return ts.canHaveModifiers(node) && !!ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword);
}

/** A comment on the cast's own line, or above it in the same paragraph. */
function hasComment(file: ts.SourceFile, node: ts.AssertionExpression): boolean {
  const end = file.getLineAndCharacterOfPosition(node.getEnd()).line;
  const above = file.text.split('\n').slice(0, end + 1);
  const paragraph = above.slice(above.findLastIndex((line) => line.trim() === '') + 1);
  return /\/\/|\/\*/.test(above.at(-1) ?? '') || paragraph.some((line) => /^\s*\/\//.test(line));
}

/** Imports across layers, and of what is not in the tree. */
function layerFindings({ path, imports }: Module): string[] {
  const outsider = outsiders.find((place) => path.startsWith(place));
  const layer = path.startsWith('src/') ? layerOf(path) : null;
  if (layer === undefined) return [`${path}: stands in no layer`];

  return imports.flatMap(({ from, lazy }) => {
    const target = resolve(path, from);
    if (outsider !== undefined) {
      return target !== null && !target.startsWith(outsider) ? [`${path}: imports ${from}, not a public name`] : [];
    }
    if (layer === null) return [];
    if (target === null) {
      const allowed = layer === 'adapters' || packages[layer]?.includes(from) === true || (lazy && from.startsWith('node:'));
      return allowed ? [] : [`${path}: imports ${from}, which a browser does not have`];
    }
    const targetLayer = target.startsWith('src/') ? layerOf(target) : undefined;
    if (targetLayer !== undefined && mayImport(layer, targetLayer)) return [];
    return [`${path}: ${layer} may not import ${targetLayer ?? target}`];
  });
}

/** The layer that a file of src belongs to: the longest name that is its path or a folder of it. */
function layerOf(path: string): string | undefined {
  const name = path.slice('src/'.length).replace(/\.ts$/, '');
  const fits = [...Object.keys(buildsOn), ...Object.keys(onlyThese)].filter((l) => `${name}/`.startsWith(`${l}/`));
  return fits.toSorted((a, b) => b.length - a.length)[0];
}

function mayImport(layer: string, target: string): boolean {
  if (layer === target) return true;
  if (layer in onlyThese) return onlyThese[layer]?.includes(target) === true;
  return buildsOn[layer]?.some((below) => mayImport(below, target)) === true;
}

function resolve(path: string, from: string): string | null {
  return from.startsWith('.') ? posix.join(posix.dirname(path), from).replace(/\.js$/, '.ts') : null;
}

/** Each cycle once, as the walk meets it; imports of types count. */
function cycleFindings(modules: readonly Module[]): string[] {
  const graph = new Map(modules.map((m) => [m.path, m.imports.map((i) => resolve(m.path, i.from))]));
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      found.push(`${path}: cycle ${[...trail.slice(trail.indexOf(path)), path].join(' -> ')}`);
      return;
    }
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) if (target !== null) walk(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of modules) walk(path, []);
  return found;
}
