// Where the page is, all of it in the address: `#who?layer=batch-norm&shape=2x3x4`. Imports signals only.

import { computed, signal, type ReadonlySignal } from '@preact/signals';

/** The screens, in the order of the menu. */
export const screens = ['who', 'names', 'channels', 'steps', 'running', 'padding', 'blocks', 'train', 'model'] as const;

export type Screen = (typeof screens)[number];

export interface Route {
  readonly screen: Screen;
  readonly params: Readonly<Record<string, string>>;
}

/** A route out of an address's hash; what is no screen is the first. */
function routeOf(hash: string): Route {
  const [name = '', query = ''] = hash.replace(/^#/, '').split('?');
  return {
    screen: screens.find((screen) => screen === name) ?? 'who',
    params: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** The hash of a route: params in alphabetical order, so that one state has one address. */
function hashOf({ screen, params }: Route): string {
  const query = new URLSearchParams(Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1))).toString();
  return `#${screen}${query === '' ? '' : `?${query}`}`;
}

export const route = signal<Route>(routeOf(location.hash));

addEventListener('hashchange', () => void (route.value = routeOf(location.hash)));
addEventListener('popstate', () => void (route.value = routeOf(location.hash)));

/** Language and theme go along from screen to screen. */
const lasting = ['lang', 'theme'];

/** Goes to a screen, which becomes an entry of the history. */
export function go(screen: Screen, params: Readonly<Record<string, string>> = {}): void {
  const kept = Object.fromEntries(Object.entries(route.value.params).filter(([name]) => lasting.includes(name)));
  show({ screen, params: { ...kept, ...params } }, true);
}

/** Changes params of this screen; null or an empty text drops one. While somebody types, the entry of the history stays one. */
export function set(changes: Readonly<Record<string, string | null>>): void {
  const params = { ...route.value.params };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') delete params[name];
    else params[name] = value;
  }
  show({ ...route.value, params }, false);
}

function show(next: Route, isNew: boolean): void {
  const hash = hashOf(next);
  if (hash === location.hash) return;
  if (isNew) history.pushState(null, '', hash);
  else history.replaceState(null, '', hash);
  route.value = next;
}

/** A param of this screen, or what it is without. */
export function param(name: string, fallback: string): ReadonlySignal<string> {
  return computed(() => route.value.params[name] ?? fallback);
}
