// What a browser downloads for a small import: it runs, and it stays under its ceiling.
import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';

const imports: [what: string, code: string, prints: string, ceilingBytes: number][] = [
  [
    'LayerNorm',
    `import { LayerNorm, tensor } from 'evenkeel';
     console.log(String(new LayerNorm(2).forward(tensor([1, 3]))), String(new LayerNorm(2)));`,
    'tensor([-1.0000,  1.0000], grad_fn=<NormBackward0>) LayerNorm((2,), eps=1e-05, elementwise_affine=True, bias=True)',
    40_200,
  ],
  [
    'explain',
    `import { explain, GroupNorm, Sequential, Linear, weightNorm } from 'evenkeel';
     console.log(explain(new GroupNorm(3, 6), [2, 6, 4]).data.pytorch, String(new Sequential(weightNorm(new Linear(2, 1)))).split('\\n')[1]);`,
    'nn.GroupNorm(3, 6)   (0): ParametrizedLinear(',
    95_300,
  ],
  [
    'inspect',
    `import { inspect } from 'evenkeel/inspect';
     import { writeSafetensors } from 'evenkeel/io';
     const ones = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 1) };
     const { layers } = await inspect(writeSafetensors(new Map([['ln.weight', ones], ['ln.bias', ones]])));
     console.log(layers[0].kind, layers[0].tensors[0].mean);`,
    'LayerNorm 1',
    70_000,
  ],
];

test.each(imports)('%s alone', (_, code, prints, ceilingBytes) => {
  const { outputFiles } = buildSync({
    stdin: { contents: code, resolveDir: '.' },
    alias: { evenkeel: './src/index.ts', 'evenkeel/inspect': './src/inspect/index.ts', 'evenkeel/io': './src/io/io.ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  const bundle = outputFiles[0]?.contents ?? new Uint8Array();
  const printed = execFileSync(process.execPath, ['--input-type=module'], { input: bundle, encoding: 'utf8' });
  expect(printed.trim()).toBe(prints);
  expect(gzipSync(bundle, { level: 9 }).length).toBeLessThanOrEqual(ceilingBytes);
});
