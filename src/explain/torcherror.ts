// explainError: a pasted error of PyTorch about normalization -> what it means and the ways out.
// May import errors and what explain is made of.

import { KeelError } from '../errors.js';
import { channelComplaints } from './channelcomplaints.js';
import type { Complaint, Origin } from './complaint.js';
import { constructorComplaints } from './constructorcomplaints.js';
import type { Finding } from './finding.js';
import { stateComplaintAt, stateFinding } from './statecomplaint.js';
import { trailingComplaints } from './trailingcomplaints.js';
import { valueComplaints } from './valuecomplaints.js';

/** What {@link explainError} finds, as JSON can hold it. */
export interface ErrorExplanation extends Finding {
  /** What was recognized in the text, on one line. */
  readonly message: string;
  /** All of it to read. */
  readonly text: string;
}

/**
 * What a PyTorch error about normalization means, the numbers in it, and what to change, each way out as a line of PyTorch
 * and of evenkeel; with what the layers do to the input where the error names its shape. The text may be the message
 * alone or have its traceback around it; the messages of this library, which hold PyTorch's words, are recognized too.
 *
 * Errors of shapes, channels and axes, of too few values, groups, dtypes, eps and constructors' arguments, and of
 * load_state_dict.
 *
 * @throws KeelError [argument] where no such error is in the text.
 * @example
 * explainError('expected 4D input (got 3D input)').meaning; // ['BatchNorm2d takes (N, C, H, W); the input has 3 axes.']
 * explainError('running_mean should contain 6 elements not 3').fixes[0]?.pytorch; // 'nn.BatchNorm2d(6)'
 */
export function explainError(text: string): ErrorExplanation {
  if (typeof text !== 'string') throw new KeelError('argument', `a text is needed, got ${String(text)}`, { text });
  if (text.length > MOST_CHARACTERS) {
    const message = `the text has ${text.length} characters; give the last ${MOST_CHARACTERS}, where the error is`;
    throw new KeelError('argument', message, { length: text.length, limit: MOST_CHARACTERS });
  }
  const flat = flattened(text);
  const recognized = [...complaints.flatMap((complaint) => lastOf(complaint, flat)), ...stateOf(flat)];
  // What stands last is what was raised.
  const [last] = recognized.toSorted((a, b) => b.at - a.at);
  if (last === undefined) {
    const message = 'no PyTorch error about normalization is in this text: paste its last line, such as '
      + "'Given normalized_shape=[8], expected input with shape [*, 8], but got input of size[2, 3]'. Known are errors of shapes, "
      + 'channels, axes, too few values, groups, dtypes, eps, arguments and load_state_dict';
    throw new KeelError('argument', message, { text: text.slice(0, 200) });
  }
  const finding = last.find(originOf(flat.slice(0, last.at)));
  return { ...finding, message: last.message, text: textOf(last.message, finding) };
}

const MOST_CHARACTERS = 200_000;

/** The first that matches at the latest place is taken. */
const complaints: readonly Complaint[] = [
  ...trailingComplaints, ...channelComplaints, ...valueComplaints, ...constructorComplaints,
];

interface Recognized {
  readonly at: number;
  readonly message: string;
  readonly find: (origin: Origin) => Finding;
}

/** On one line: messages are wrapped by terminals, marked by pytest, painted, and have line breaks of their own. */
function flattened(text: string): string {
  // eslint-disable-next-line no-control-regex -- the escapes of a terminal's colours
  return text.replace(/\u001b\[[\d;]{0,20}m/g, '').replace(/^E[ \t]+/gm, '').replace(/\s+/g, ' ').trim();
}

function lastOf({ sentence, find }: Complaint, flat: string): Recognized[] {
  const match = [...flat.matchAll(sentence)].at(-1);
  if (match === undefined) return [];
  const [message, ...groups] = match;
  // A group that took no part is empty to all of them.
  return [{ at: match.index, message, find: (origin) => find(groups.map((group) => group ?? ''), origin) }];
}

function stateOf(flat: string): Recognized[] {
  const at = stateComplaintAt(flat);
  if (at < 0) return [];
  const message = flat.slice(at);
  const shown = message.length > 300 ? `${message.slice(0, 299)}…` : message;
  return [{ at, message: shown, find: () => stateFinding(message) }];
}

/** The last file of torch.nn.modules in the traceback that has layers of normalization, and the last function of its own. */
function originOf(before: string): Origin {
  const files = [...before.matchAll(/modules[/\\](batchnorm|instancenorm|normalization)\.py/g)];
  const ops = [...before.matchAll(/functional\.py", line \d{1,6}, in (\w{1,40})/g)];
  return { module: files.at(-1)?.[1] ?? null, op: ops.at(-1)?.[1] ?? null };
}

function textOf(message: string, { meaning, fixes, explanation }: Finding): string {
  return [
    message,
    ...meaning.map((sentence) => `  ${sentence}`),
    ...(explanation === null ? [] : [`  ${explanation.name}: ${explanation.sentence}`]),
    ...fixes.flatMap(({ text, pytorch, evenkeel, explanation: fixed }) => [
      `  - ${text}`,
      ...(fixed === null ? [] : [`      ${fixed.sentence}`]),
      ...(pytorch === null ? [] : [`      PyTorch   ${pytorch}`]),
      ...(evenkeel === null ? [] : [`      evenkeel  ${evenkeel}`]),
    ]),
  ].join('\n');
}
