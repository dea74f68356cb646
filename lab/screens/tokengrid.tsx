// A batch of sentences as a grid of tokens; padding is hatched and says so. May import parts, settings and announcements.

import { useEffect, useRef } from 'preact/hooks';
import { announce } from '../announce.js';
import { tint } from '../parts/cells.js';
import { texts } from '../settings.js';
import type { Texts } from '../texts/en.js';
import type { PaddingAnswer } from '../worker/jobs/padding.js';

/** A token: which sentence, and where in it; from 0. */
export interface Place {
  readonly sentence: number;
  readonly position: number;
}

interface GridProps {
  readonly answer: PaddingAnswer;
  /** Sentences × positions × width: what stands in the cells. */
  readonly values: Float32Array;
  readonly channel: number;
  readonly at: Place;
  /** The sentence about the chosen token, said as it changes by a key. */
  readonly about: string;
  readonly choose: (place: Place) => void;
}

export function TokenGrid({ answer, values, channel, at, about, choose }: GridProps) {
  const t = texts.value.padding;
  const { sentences, length, width } = answer;
  const host = useRef<HTMLTableElement>(null);
  const isByKey = useRef(false);
  useEffect(() => {
    if (!isByKey.current) return;
    isByKey.current = false;
    host.current?.querySelector<HTMLElement>('[aria-selected="true"]')?.focus();
    announce(about);
  }, [about, at.sentence, at.position]);
  const valueAt = (sentence: number, position: number): number => values[(sentence * length + position) * width + channel] ?? NaN;
  const largest = values.reduce((most, value, i) => (i % width === channel && Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
  const move = (event: KeyboardEvent) => {
    const next = moved(event.key, at, sentences.length - 1, length - 1);
    if (next === null) return;
    event.preventDefault();
    isByKey.current = true;
    choose(next);
  };
  return (
    <div class="scroll tokens">
      <table ref={host} role="grid" aria-label={t.grid} onKeyDown={move}>
        <tbody>
          {sentences.map((words, sentence) => (
            <tr key={sentence}>
              <th scope="row">{t.row(sentence + 1)}</th>
              {Array.from({ length }, (_, position) => {
                const word = words[position];
                const value = valueAt(sentence, position);
                const isChosen = sentence === at.sentence && position === at.position;
                return (
                  <td
                    key={position} class={word === undefined ? 'pad' : 'word'} tabIndex={isChosen ? 0 : -1} aria-selected={isChosen}
                    style={word === undefined ? {} : { background: tint(value, largest) }} onClick={() => choose({ sentence, position })}
                  >
                    <b>{word ?? t.pad}</b>
                    <span>{Number.isNaN(value) ? '–' : short(value)}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Where a key leads; null for other keys. */
function moved(key: string, { sentence, position }: Place, lastSentence: number, lastPosition: number): Place | null {
  switch (key) {
    case 'ArrowRight':
      return { sentence, position: Math.min(lastPosition, position + 1) };
    case 'ArrowLeft':
      return { sentence, position: Math.max(0, position - 1) };
    case 'ArrowDown':
      return { sentence: Math.min(lastSentence, sentence + 1), position };
    case 'ArrowUp':
      return { sentence: Math.max(0, sentence - 1), position };
    case 'Home':
      return { sentence, position: 0 };
    case 'End':
      return { sentence, position: lastPosition };
    default:
      return null;
  }
}

function short(value: number): string {
  return value.toFixed(2).replace(/^-(?!0\.00)/, '−').replace('-', '');
}

/** Whom the token's number of a channel shares its means with. */
export function sentenceAbout(answer: PaddingAnswer, { sentence, position }: Place, channel: number, isMasked: boolean, t: Texts['padding']): string {
  const { sentences, length, width } = answer;
  const tokens = sentences.length * length;
  const words = sentences.reduce((sum, each) => sum + each.length, 0);
  const word = sentences[sentence]?.[position];
  const place = t.place(sentence + 1, position + 1);
  if (word !== undefined) return t.wordSentence(word, place, channel, (isMasked ? words : tokens) - 1, isMasked ? 0 : tokens - words, width - 1);
  return isMasked ? t.padMasked(place, channel) : t.padSentence(place, channel, tokens);
}
