// The steps one under the other, those taken with their numbers, and the code of each: buttons, slider and arrow keys go along.

import type { ComponentChildren } from 'preact';
import type { BackwardStepName, Step, StepName, Steps } from 'evenkeel';
import { announce } from '../announce.js';
import { Cells } from '../parts/cells.js';
import { shown } from '../parts/shownumber.js';
import { texts } from '../settings.js';
import type { Line } from './steplisting.js';

interface LadderProps {
  readonly steps: readonly Step<StepName | BackwardStepName>[];
  /** The place of the step that is shown last. */
  readonly current: number;
  readonly go: (place: number) => void;
  readonly titleOf: (step: Step) => string;
  readonly of: Steps;
  readonly captions: (place: number) => string;
  readonly choose: (place: number) => void;
  readonly code: readonly Line[];
  /** Rows above the first step. */
  readonly before?: ComponentChildren;
}

export function Ladder({ steps, current, go, titleOf, of, captions, choose, code, before = null }: LadderProps) {
  const t = texts.value.steps;
  const last = steps.length - 1;
  const move = (place: number): void => {
    const next = Math.max(0, Math.min(last, place));
    const step = steps[next];
    if (step === undefined || next === current) return;
    go(next);
    announce(`${t.stepOf(next + 1, steps.length)}, ${titleOf(step)}: ${step.formula}: ${step.worked}`);
  };
  const press = (event: KeyboardEvent): void => {
    const next = { ArrowRight: current + 1, ArrowDown: current + 1, ArrowLeft: current - 1, ArrowUp: current - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    move(next);
  };
  const step = steps[current];
  if (step === undefined) return null;
  return (
    <div class="stepping">
      {/* A button keeps the focus at the end of its way. The keys work wherever the focus is among the steps; the slider has them of its own. */}
      <div class="stepper" role="group" aria-label={t.keys} onKeyDown={press}>
        <button type="button" aria-disabled={current === 0} onClick={() => move(current - 1)}>← {t.previous}</button>
        <input
          type="range" aria-label={t.slider} min={1} max={steps.length} value={current + 1} aria-valuetext={`${t.stepOf(current + 1, steps.length)}, ${titleOf(step)}`}
          onInput={({ currentTarget }) => move(Number(currentTarget.value) - 1)}
        />
        <button type="button" class="primary" aria-disabled={current === last} onClick={() => move(current + 1)}>{t.next} →</button>
        <p class="hint">{t.stepOf(current + 1, steps.length)}</p>
      </div>
      <div class="beside">
        <ol class="ladder" aria-label={t.ladder} onKeyDown={press}>
          {before}
          {steps.map((rung, place) => (
            <Rung key={rung.name} step={rung} title={titleOf(rung)} place={place} current={current} go={move} at={of.at} captions={captions} choose={choose} of={of} />
          ))}
        </ol>
        <Code lines={code} name={step.name} />
      </div>
    </div>
  );
}

interface RungProps {
  readonly step: Step;
  readonly title: string;
  readonly place: number;
  readonly current: number;
  readonly go: (place: number) => void;
  readonly at: number;
  readonly captions: (place: number) => string;
  readonly choose: (place: number) => void;
  readonly of: Steps;
}

function Rung({ step, title, place, current, go, at, captions, choose, of }: RungProps) {
  const isTaken = place <= current;
  const isFirst = step.name === 'x' || step.name === 'dy';
  return (
    <li class={place === current ? 'rung now' : isTaken ? 'rung' : 'rung later'} aria-current={place === current ? 'step' : undefined}>
      <button type="button" class="formula" onClick={() => go(place)}>
        <span class="title">{place + 1}. {title}</span>
        <span class="mono">{step.formula}</span>
      </button>
      {isTaken && (
        <div class="numbers">
          <p class="worked mono" data-testid={place === current ? 'worked' : undefined}>{step.worked}</p>
          {step.of === 'set'
            ? <p class="one" data-testid={`value-${step.name}`}>{shown(step.values[0] ?? NaN, 7)}</p>
            : (
              <div data-testid={`value-${step.name}`}>
                <Cells
                  values={step.values} label={`${step.formula}: ${texts.value.steps.values}`} at={step.of === 'element' ? at : ownParameter(of)}
                  captions={isFirst ? captions : null} choose={isFirst ? choose : null}
                />
              </div>
            )}
        </div>
      )}
    </li>
  );
}

/** Which of the set's parameters the chosen element has. */
function ownParameter({ parameters, at }: Steps): number | null {
  if (parameters === null) return null;
  const own = parameters[at];
  return own === undefined ? null : [...new Set(parameters)].indexOf(own);
}

function Code({ lines, name }: { readonly lines: readonly Line[]; readonly name: Step['name'] }) {
  const t = texts.value.steps;
  return (
    <aside class="code" aria-label={t.code}>
      <h2>{t.code}</h2>
      <p class="hint">{t.given}</p>
      {(['python', 'typescript'] as const).map((language) => (
        <figure key={language}>
          <figcaption>{{ python: 'PyTorch', typescript: 'TypeScript' }[language]}</figcaption>
          <pre tabIndex={0}>
            {lines.map((line) => (
              <code key={line.step} class={line.step === name ? 'lit' : ''} aria-current={line.step === name ? 'step' : undefined}>{`${line[language]}\n`}</code>
            ))}
          </pre>
        </figure>
      ))}
    </aside>
  );
}
