// The laws hold in this tree, and each of them can find a breach.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codeBlocks, findings, type Source } from './laws.js';

const read = (path: string): Source => ({ path, text: readFileSync(path, 'utf8') });

function sourcesIn(folder: string): Source[] {
  if (!existsSync(folder)) return [];
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`);
  return paths.filter((path) => /\.tsx?$/.test(path) && !path.includes('/node_modules/')).map(read);
}

test('the tree keeps the laws', () => {
  const sources = ['src', 'tools', 'lab', 'bench', 'examples'].flatMap(sourcesIn);
  const readme = existsSync('README.md') ? codeBlocks(read('README.md')) : [];
  expect(sources.map((source) => source.path)).toContain('src/errors.ts');
  expect(findings([...sources, ...readme])).toEqual([]);
});

const breaches: [law: string, sources: Record<string, string>, finding: string][] = [
  ['a layer imports what stands left of it', { 'src/plan.ts': `import { a } from './tensor.js';` },
    'src/plan.ts: plan may not import tensor'],
  ['types count', { 'src/plan.ts': `import type { A } from './tensor.js';` }, 'plan may not import tensor'],
  ['types in place count', { 'src/plan.ts': `type A = import('./tensor.js').A;` }, 'plan may not import tensor'],
  ['imports at run time count', { 'src/plan.ts': `await import('./tensor.js');` }, 'plan may not import tensor'],
  ['bare imports count', { 'src/ops/norm.ts': `import '../methods.js';` }, 'ops may not import methods'],
  ['neighbours do not import each other', { 'src/random.ts': `import { a } from './autograd.js';` },
    'random may not import autograd'],
  ['blocks are not in the small import', { 'src/index.ts': `export { a } from './nn/blocks/vit.js';` },
    'index may not import nn/blocks'],
  ['layers do not know blocks', { 'src/nn/norm.ts': `import { a } from './blocks/vit.js';` },
    'nn may not import nn/blocks'],
  ['io knows errors and tensor', { 'src/io/npy.ts': `import { a } from '../plan.js';` }, 'io may not import plan'],
  ['src stands on src', { 'src/plan.ts': `import { a } from '../tools/a.js';` }, 'plan may not import tools/a.ts'],
  ['every file stands in a layer', { 'src/extra.ts': '' }, 'src/extra.ts: stands in no layer'],
  ['no packages', { 'src/plan.ts': `import { a } from 'lodash';` }, 'imports lodash, which a browser does not have'],
  ['Node is loaded late', { 'src/io/npy.ts': `import { readFileSync } from 'node:fs';` }, 'imports node:fs'],
  ['tools use public names', { 'tools/a/main.ts': `import { a } from '../../src/plan.js';` },
    'tools/a/main.ts: imports ../../src/plan.js, not a public name'],
  ['the command line uses public names', { 'src/cli/main.ts': `import { a } from '../plan.js';` },
    'not a public name'],
  ['no cycle', {
    'src/ops/a.ts': `import { b } from './b.js';`,
    'src/ops/b.ts': `import type { c } from './c.js';`,
    'src/ops/c.ts': `export const c = () => import('./a.js');`,
  }, 'cycle src/ops/a.ts -> src/ops/b.ts -> src/ops/c.ts -> src/ops/a.ts'],
  ['no star', { 'src/index.ts': `export * from './plan.js';` }, 'src/index.ts:1: export * makes a barrel'],
  ['no named star', { 'src/index.ts': `export * as plan from './plan.js';` }, 'export * makes a barrel'],
  ['no re-export', { 'src/plan.ts': `export { a } from './notation.js';` }, 're-export outside'],
  ['no re-export in two steps', { 'src/plan.ts': `import { a } from './notation.js';\nexport { a };` },
    'src/plan.ts:2: re-export outside'],
  ['no default export', { 'src/plan.ts': 'export default function f() {}' }, 'src/plan.ts:1: default export'],
  ['no default value', { 'src/plan.ts': 'const a = 1;\nexport default a;' }, 'src/plan.ts:2: default export'],
  ['no default name', { 'src/plan.ts': 'const a = 1;\nexport { a as default };' }, 'src/plan.ts:2: default export'],
  ['no utils.ts', { 'src/ops/utils.ts': '' }, 'src/ops/utils.ts: a file is named for what it holds'],
  ['no types.ts', { 'tools/types.ts': '' }, 'tools/types.ts: a file is named for what it holds'],
  ['KeelError only', { 'src/plan.ts': `throw new TypeError('no');` }, 'TypeError instead of KeelError'],
  ['! after x[i] only', { 'src/plan.ts': 'const a = x.find(f)!;' }, '! stands after x[i] only'],
  ['casts are proven', { 'src/plan.ts': 'const a = x as number;' }, 'a cast without a comment'],
];

test.each(breaches)('%s', (_, sources, finding) => {
  const found = findings(Object.entries(sources).map(([path, text]) => ({ path, text })));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(finding);
});

test('what the laws allow is no breach', () => {
  const sources = {
    'src/index.ts': `import './methods.js';\nexport { a } from './nn/norm.js';\nexport type { B } from './optim.js';`,
    'src/nn/index.ts': `export { a } from './blocks/vit.js';`,
    'src/nn/blocks/vit.ts': `import { a } from '../norm.js';\nimport { b } from '../../errors.js';`,
    'src/io/io.ts': `import { a } from '../tensor.js';\nconst fs = await import('node:fs/promises');`,
    'src/ops/norm.ts': `import { a } from '../random.js';\nimport { b } from './sum.js';\nconst c = x[i]!;`,
    'src/plan.ts': `// x is a number: it was checked above\nconst a = x as number;\nconst b = [1] as const;`,
    'src/cli/main.ts': `import { a } from 'evenkeel';\nimport { b } from './table.js';\nimport c from 'node:fs';`,
    'tools/a/main.ts': `import { a } from 'evenkeel/io';\nimport { b } from '../table.js';`,
  };
  expect(findings(Object.entries(sources).map(([path, text]) => ({ path, text })))).toEqual([]);
});

test('code blocks of the README use public names', () => {
  const text = '# Title\n\n```ts\nimport { a } from \'./src/plan.js\';\n```\n\n```sh\nimport\n```\n';
  expect(findings(codeBlocks({ path: 'README.md', text }))).toEqual([
    'README.md#1: imports ./src/plan.js, not a public name',
  ]);
});
