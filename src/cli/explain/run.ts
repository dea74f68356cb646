// `evenkeel explain`: a layer, a pattern or an error in words. May import evenkeel.

import {
  drawSets, explain, explainError, KeelError, LocalResponseNorm, type ErrorExplanation, type Explanation, type SetDrawing,
} from 'evenkeel';
import type { Given, Outcome } from '../command.js';
import type { explainSpec } from '../commands/explain.js';
import type { LayerOptions } from '../layeroptions.js';
import { usageError } from '../parse.js';
import type { Terminal } from '../terminal.js';
import { wrap } from '../text.js';
import { shapeOf, sizesOf } from '../values.js';
import { elementOf, neighbours } from './neighbours.js';
import { errorLines, explanationLines, paintedLines } from './lines.js';
import { stepLines, stepsIn } from './steps.js';
import { readText } from './stdin.js';
import { checkSettings, readingOf, subjectOf } from './subject.js';

export async function run({ operands, options }: Given<typeof explainSpec>, terminal: Terminal): Promise<Outcome> {
  const { LAYER, SHAPE, SIZES } = operands;
  const text = LAYER === '-' ? await readText(terminal) : LAYER;
  if (SHAPE === null) return withoutShape(text, options, terminal);
  if (!(errorIn(text) instanceof KeelError)) {
    throw usageError(`an error has its shapes in it: leave '${SHAPE}' out`, { operand: 'SHAPE' });
  }
  const shape = shapeOf('SHAPE', SHAPE);
  const settings: LayerOptions = { ...options, sizes: sizesOf(SIZES) };
  checkSettings([text], settings);
  const { kind, of } = withWaysOut(() => subjectOf(text, shape, settings));
  if (of instanceof LocalResponseNorm) {
    if (options.data === null) return ofNeighbours(of, shape, options.element, terminal);
    throw new KeelError('argument', 'local-response-norm shares no mean: it takes no --data', { option: '--data' });
  }
  const explanation = withWaysOut(() => explain(of, shape));
  const { data, setOf, describe } = explanation;
  const index = options.element;
  const element = index === null ? null : { index, sentence: describe(index), set: setOf(index) };
  const steps = await stepsIn(of, shape, options, terminal);
  const drawing = drawn(explanation, index, terminal);
  return {
    exit: 0,
    json: { explained: kind, layer: data, sets: drawing?.sets ?? null, element, steps, error: null },
    text: [
      ...explanationLines(explanation, terminal.columns),
      ...(drawing === null ? [] : ['', ...paintedLines(drawing, terminal)]),
      ...(element === null ? [] : ['', ...wrap(element.sentence, terminal.columns)]),
      ...(steps === null ? [] : ['', ...stepLines(steps, terminal.columns)]),
    ],
  };
}

const MOST_DRAWN = 512;

function drawn(explanation: Explanation, index: readonly number[] | null, { columns }: Terminal): SetDrawing | null {
  const { count, elements } = explanation.data;
  return count * elements > MOST_DRAWN || count * elements === 0 ? null : drawSets(explanation, { columns, index });
}

/** An error names its shapes; anything else needs one. */
function withoutShape(text: string, options: Given<typeof explainSpec>['options'], terminal: Terminal): Outcome {
  const found = errorIn(text);
  if (found instanceof KeelError) {
    if (text.length > 200 || /\n.|error:/i.test(text)) throw found;
    const what = readingOf(text) === 'pattern' ? `the pattern '${text}'` : text;
    throw usageError(`on which shape is ${what} to be explained? Give SHAPE, such as 2x6x4x4`, { operand: 'SHAPE' });
  }
  const unused = Object.entries(options).find(([, value]) => value !== null);
  if (unused !== undefined) throw new KeelError('argument', `an error takes no --${unused[0]}`, { option: unused[0] });
  const { text: _, ...error } = found;
  return {
    exit: 0,
    json: { explained: 'error', layer: null, sets: null, element: null, steps: null, error },
    text: errorLines(found, terminal),
  };
}

function errorIn(text: string): ErrorExplanation | KeelError {
  try {
    return explainError(text);
  } catch (error) {
    if (error instanceof KeelError) return error;
    throw error;
  }
}

/** What a layer refuses has PyTorch's words, and so ways out that are known. */
function withWaysOut<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof KeelError)) throw error;
    const found = errorIn(error.message);
    if (found instanceof KeelError) throw error;
    const ways = found.fixes.map(({ text, pytorch }) => `  - ${text}${pytorch === null ? '' : `: ${pytorch}`}`);
    throw new KeelError(error.code, [error.message, ...ways].join('\n'), error.data);
  }
}

/** Local response norm shares no mean: each element has neighbours of its own. */
function ofNeighbours(layer: LocalResponseNorm, shape: readonly number[], index: readonly number[] | null, { columns }: Terminal): Outcome {
  const element = index === null ? null : elementOf(layer, shape, index);
  return {
    exit: 0,
    json: { explained: 'layer', layer: null, sets: null, element, steps: null, error: null },
    text: [...neighbours(layer, shape, columns), ...(element === null ? [] : ['', ...wrap(element.sentence, columns)])],
  };
}
