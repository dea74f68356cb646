// Frames and tasks while hovering over 10,000 cells, by the browser's own trace: `FRAMES=1`, on a machine that does nothing else.
import { afterAll, expect, test } from 'vitest';
import { openLab, stop } from './page.js';

afterAll(stop);

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts: number;
  readonly dur?: number;
}

// Ten sets of a thousand, a hundred of a hundred, two of five thousand.
const layers: [layer: string, shape: string][] = [
  ['nn.BatchNorm1d(10)', '10x10x100'], ['nn.LayerNorm(100)', '10x10x100'], ['nn.LayerNorm([100, 50])', '2x100x50'],
];

test.runIf(process.env['FRAMES'] === '1').each(layers)('%s on %s', async (layer, shape) => {
  const lab = await openLab(`#who?layer=${encodeURIComponent(layer)}&shape=${shape}`, { width: 1366, height: 900 });
  await lab.text('count');
  const box = await lab.page.locator('canvas.blocks').first().boundingBox();
  if (box === null) throw new Error('nothing is drawn');
  const client = await lab.page.context().newCDPSession(lab.page);
  const events: TraceEvent[] = [];
  client.on('Tracing.dataCollected', ({ value }) => void events.push(...(value as unknown as TraceEvent[])));
  const hover = async (milliseconds: number): Promise<void> => {
    const start = Date.now();
    for (let i = 0; Date.now() - start < milliseconds; i++) {
      const [right, down] = [0.5 + 0.45 * Math.sin(i / 20), 0.5 + 0.45 * Math.cos(i / 30)];
      await lab.page.mouse.move(box.x + box.width * right, box.y + box.height * down);
    }
  };
  // Sets are drawn when they are first lifted.
  await hover(1500);
  await client.send('Tracing.start', { categories: 'devtools.timeline,devtools.timeline.frame,disabled-by-default-devtools.timeline.frame,viz,toplevel', transferMode: 'ReportEvents' });
  await hover(3000);
  const complete = new Promise((done) => void client.once('Tracing.tracingComplete', done));
  await client.send('Tracing.end');
  await complete;
  const frames = events.filter(({ name }) => name === 'BeginMainThreadFrame');
  const at = frames.map(({ ts }) => ts / 1000).toSorted((a, b) => a - b);
  const page = frames[0];
  const tasks = events.filter(({ name, pid, tid }) => name.endsWith('RunTask') && pid === page?.pid && tid === page.tid).map(({ dur = 0 }) => dur / 1000);
  const rate = (1000 * (at.length - 1)) / ((at.at(-1) ?? 0) - (at[0] ?? 0));
  const longest = Math.max(...tasks);
  console.log(`${layer} on ${shape}: ${rate.toFixed(1)} frames a second, longest task ${longest.toFixed(0)} ms`);
  expect(rate).toBeGreaterThan(55);
  expect(longest).toBeLessThan(100);
  await lab.close();
});
