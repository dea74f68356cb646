// The frame of the page: menu, language, theme, and the screen that the address names.

import { effect, signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { LiveRegion } from './announce.js';
import { hasWasm, restarts, threads } from './client.js';
import { go, route, screens, type Screen } from './route.js';
import { chooseLanguage, chooseTheme, language, languages, texts, theme, themes } from './settings.js';

/** Each screen is loaded when it is first shown. */
const loaders: Readonly<Record<Screen, () => Promise<{ readonly Content: ComponentType }>>> = {
  who: () => import('./screens/who.js'),
  names: () => import('./screens/names.js'),
  channels: () => import('./screens/channels.js'),
  steps: () => import('./screens/steps.js'),
  running: () => import('./screens/running.js'),
  padding: () => import('./screens/padding.js'),
  blocks: () => import('./screens/blocks.js'),
  train: () => import('./screens/train.js'),
  model: () => import('./screens/model.js'),
};

const shown = signal<{ readonly screen: Screen; readonly Content: ComponentType } | null>(null);

effect(() => {
  const { screen } = route.value;
  if (shown.peek()?.screen === screen) return;
  void load(screen);
});

async function load(screen: Screen): Promise<void> {
  const { Content } = await loaders[screen]();
  if (route.peek().screen === screen) shown.value = { screen, Content };
}

export function App() {
  const t = texts.value;
  const { screen } = route.value;
  document.title = `${t.screens[screen]} · ${t.title}`;
  const content = shown.value;
  const menu = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a narrow page the menu scrolls sideways: the screen's own name stays in it.
    const [nav, link] = [menu.current, menu.current?.querySelector<HTMLElement>('[aria-current]')];
    if (nav && link) nav.scrollLeft = link.offsetLeft - nav.offsetLeft - (nav.clientWidth - link.offsetWidth) / 2;
  }, [screen, t]);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>{t.skip}</a>
      <header>
        <p class="brand"><b>evenkeel</b> {t.question}</p>
        <nav ref={menu} aria-label={t.menu}>
          <ol>
            {screens.map((name) => (
              <li key={name}>
                <a href={`#${name}`} aria-current={name === screen ? 'page' : undefined} onClick={(event) => follow(event, name)}>{t.screens[name]}</a>
              </li>
            ))}
          </ol>
        </nav>
        <div class="settings">
          <Choice label={t.language} value={language.value} options={languages.map((name) => [name, { en: 'English', zh: '中文' }[name]])} choose={chooseLanguage} />
          <Choice label={t.theme} value={theme.value} options={themes.map((name) => [name, t[name]])} choose={chooseTheme} />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <h1>{t.screens[screen]}</h1>
        {restarts.value > 0 && <p class="notice" role="alert">{t.restarted}</p>}
        {content?.screen === screen ? <content.Content /> : <p class="busy">{t.loading}</p>}
        {!hasWasm.value && <p class="footnote">{t.noWasm}</p>}
        {hasWasm.value && threads.value === 1 && <p class="footnote">{t.oneThread}</p>}
      </main>
      <LiveRegion />
    </>
  );
}

function skip(event: Event): void {
  // The hash is the state of the page, and no place in it.
  event.preventDefault();
  document.querySelector<HTMLElement>('#main')?.focus();
}

function follow(event: MouseEvent, name: Screen): void {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  go(name);
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly choose: (value: T) => void;
}

function Choice<T extends string>({ label, value, options, choose }: ChoiceProps<T>) {
  return (
    <label>
      <span class="visually-hidden">{label}</span>
      <select
        value={value}
        onChange={({ currentTarget }) => {
          const chosen = options.find(([name]) => name === currentTarget.value);
          if (chosen !== undefined) choose(chosen[0]);
        }}
      >
        {options.map(([name, text]) => <option key={name} value={name}>{text}</option>)}
      </select>
    </label>
  );
}
