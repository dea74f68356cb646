// Language and theme: in the address where chosen, else as the browser is set. Imports signals only.

import { computed, effect } from '@preact/signals';
import { param, set } from './route.js';
import { en, type Texts } from './texts/en.js';
import { zh } from './texts/zh.js';

export const languages = ['en', 'zh'] as const;
export type Language = (typeof languages)[number];

const browserLanguage: Language = navigator.language.startsWith('zh') ? 'zh' : 'en';
const chosenLanguage = param('lang', browserLanguage);
export const language = computed<Language>(() => languages.find((name) => name === chosenLanguage.value) ?? 'en');

/** All texts in the language chosen. */
export const texts = computed<Texts>(() => ({ en, zh })[language.value]);

export const themes = ['light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const chosenTheme = param('theme', prefersDark.matches ? 'dark' : 'light');
export const theme = computed<Theme>(() => (chosenTheme.value === 'dark' ? 'dark' : 'light'));

effect(() => {
  document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en';
  document.documentElement.dataset['theme'] = theme.value;
});

export function chooseLanguage(name: Language): void {
  set({ lang: name === browserLanguage ? null : name });
}

export function chooseTheme(name: Theme): void {
  set({ theme: name });
}
