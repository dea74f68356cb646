// What a screen is set with: texts, choices, switches. Imports preact only.

import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Failure } from '../worker/protocol.js';

interface TextProps {
  readonly label: string;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly width?: number;
  readonly options?: readonly string[];
  readonly isPattern?: boolean;
  /** Shown where it was made. */
  readonly failure?: Failure | null;
}

export function TextField({ label, value, change, width = 12, options, isPattern = false, failure = null }: TextProps) {
  const id = useId();
  return (
    <div class="control">
      <label for={id}>{label}</label>
      <input
        id={id} value={value} spellcheck={false} autocomplete="off" autocapitalize="off" size={width} class={isPattern ? 'pattern' : 'mono'}
        list={options === undefined ? undefined : `${id}-list`} aria-invalid={failure !== null}
        aria-describedby={failure === null ? undefined : `${id}-error`}
        onInput={({ currentTarget }) => change(currentTarget.value)}
      />
      {options !== undefined && <datalist id={`${id}-list`}>{options.map((option) => <option key={option} value={option} />)}</datalist>}
      {failure !== null && <ErrorText id={`${id}-error`} failure={failure} />}
    </div>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly choose: (value: T) => void;
}

export function Choice<T extends string>({ label, value, options, choose }: ChoiceProps<T>) {
  const id = useId();
  return (
    <div class="control">
      <label for={id}>{label}</label>
      <select
        id={id} value={value}
        onChange={({ currentTarget }) => {
          const chosen = options.find(([name]) => name === currentTarget.value);
          if (chosen !== undefined) choose(chosen[0]);
        }}
      >
        {options.map(([name, text]) => <option key={name} value={name}>{text}</option>)}
      </select>
    </div>
  );
}

interface SwitchProps {
  readonly label: string;
  readonly isOn: boolean;
  readonly change: (isOn: boolean) => void;
}

export function Switch({ label, isOn, change }: SwitchProps) {
  const id = useId();
  return (
    <div class="control switch">
      <label for={id}><input id={id} type="checkbox" checked={isOn} onChange={({ currentTarget }) => change(currentTarget.checked)} /> {label}</label>
    </div>
  );
}

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly change: (value: string) => void;
}

/** A whole number from `least` to `most`. */
export function Slider({ label, value, least, most, change }: SliderProps) {
  const id = useId();
  return (
    <div class="slider">
      <label for={id}>{label}</label>
      <input id={id} type="range" min={least} max={most} value={value} onInput={({ currentTarget }) => change(currentTarget.value)} />
      <output for={id}>{value}</output>
    </div>
  );
}

/** An error as the library says it: carets stand under their place. */
export function ErrorText({ failure, id }: { readonly failure: Failure; readonly id?: string }) {
  return <pre class="error" role="alert" id={id}>{failure.message}</pre>;
}

export function Takeaway({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return <p class="takeaway"><b>{title}</b>{children}</p>;
}
