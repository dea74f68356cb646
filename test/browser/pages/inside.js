// A worker of the page in which evenkeel itself runs. JavaScript, so that its address is the same before and after a build.
import { run } from './program.js';

globalThis.addEventListener('message', ({ data }) => void run(data).then((report) => globalThis.postMessage(report)));
