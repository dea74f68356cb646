// The page's script: tests call what it leaves on the page.
import { run, type Order, type Report } from './program.js';

/** The same in a module worker that the page starts. */
function runInWorker(order: Order): Promise<Report> {
  const worker = new Worker(new URL('./inside.js', import.meta.url), { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data }: MessageEvent<Report>) => resolve(data));
    worker.addEventListener('error', ({ message }) => reject(new Error(message)));
    worker.postMessage(order);
  });
}

Object.assign(globalThis, { run, runInWorker });
