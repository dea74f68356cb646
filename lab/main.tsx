// The page.

import { render } from 'preact';
import { App } from './app.js';
import './styles.css';

const root = document.querySelector('#app');
if (root !== null) render(<App />, root);

// Once loaded the page works offline.
if ('serviceWorker' in navigator && import.meta.env.PROD) void navigator.serviceWorker.register('./sw.js').catch(() => undefined);
