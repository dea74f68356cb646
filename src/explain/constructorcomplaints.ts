// Complaints of Python about the arguments of a layer's constructor. May import complaint, finding and layertext.

import type { Complaint } from './complaint.js';
import { codeFix, type ErrorFix, type Finding } from './finding.js';
import { argumentsOf } from './layertext.js';
import { didYouMean } from './nearest.js';

/** The complaints about arguments that a constructor does not have, or lacks. */
export const constructorComplaints: readonly Complaint[] = [
  {
    sentence: /(\w{0,40}Norm\w{0,10})\.__init__\(\) got an unexpected keyword argument '(\w{1,60})'/g,
    find: ([owner = '', argument = '']) => unknownArgument(typeOf(owner), argument),
  },
  {
    sentence: /(\w{0,40}Norm\w{0,10})\.__init__\(\) missing (\d{1,3}) required positional arguments?: '(\w{1,60})'(?: and '(\w{1,60})')?/g,
    find: ([owner = '', count = '', first = '', second = '']) => {
      const type = typeOf(owner);
      const missing = [first, second].filter((name) => name !== '');
      const example = argumentsOf(type).filter((name) => whatIs(name) !== '').join(', ') || missing.join(', ');
      return finding(type, { missing, count: Number(count) }, [`${type} cannot do without ${missing.join(' and ')}${whatIs(first)}.`], [
        codeFix('give it', `nn.${type}(${example})`, `new ${type}(${example.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())})`),
      ]);
    },
  },
  {
    sentence: /(\w{0,40}Norm\w{0,10})\.__init__\(\) takes (?:from (\d{1,3}) to )?(\d{1,3}) positional arguments but (\d{1,3})(?: positional arguments \(and (\d{1,3}) keyword-only arguments?\))? were given/g,
    find: ([owner = '', least = '', most = '', given = '', named = '']) => {
      const type = typeOf(owner);
      const [names, [other]] = [argumentsOf(type).slice(0, Number(most) - 1), argumentsOf(type).slice(Number(most) - 1)];
      const known = names.length === 0 ? '' : `: ${names.join(', ')}`;
      const facts = { least: Number(least || most), most: Number(most), given: Number(given), named: Number(named), arguments: names };
      return finding(type, facts, [`${type} takes ${Number(most) - 1} arguments by their place${known}. Python counts self with them.`], [
        ...(other === undefined ? [] : [codeFix('what has no place goes by its name', `nn.${type}(..., ${other}=...)`, null)]),
        codeFix('leave out what is too many', null, null),
      ]);
    },
  },
];

/** The base class of several layers names itself. */
function typeOf(owner: string): string {
  const bases: Readonly<Record<string, string>> = { _BatchNorm: 'BatchNorm2d', _NormBase: 'BatchNorm2d', _InstanceNorm: 'InstanceNorm2d' };
  return bases[owner] ?? owner;
}

function unknownArgument(type: string, argument: string): Finding {
  const names = argumentsOf(type);
  // `affine` and `elementwise_affine` are one thing by two names.
  const meant = names.find((name) => name.endsWith(`_${argument}`) || argument.endsWith(`_${name}`));
  const hint = meant === undefined ? didYouMean(argument, names) : ` (did you mean ${meant}?)`;
  const known = names.length === 0 ? '' : `; its arguments are ${names.join(', ')}`;
  const isNew = argument === 'bias' && names.includes('bias');
  return finding(type, { argument, arguments: names }, [
    isNew ? `This release of PyTorch has no bias= for ${type}; 2.13 has.` : `${type} has no argument ${argument}${hint}${known}.`,
  ], [
    ...(meant === undefined || isNew ? [] : [codeFix('by its name', `nn.${type}(..., ${meant}=...)`, null)]),
    codeFix(isNew ? 'leave it out, or use a newer release' : 'or leave it out', null, null),
  ]);
}

function whatIs(name: string): string {
  const texts: Readonly<Record<string, string>> = {
    normalized_shape: ': the sizes of the trailing axes that share a mean',
    num_features: ': the number of channels, axis 1 of the input',
    num_groups: ': into how many groups the channels are parted',
    num_channels: ': the number of channels, axis 1 of the input',
  };
  return texts[name] ?? '';
}

function finding(layer: string, facts: Finding['facts'], meaning: readonly string[], fixes: readonly ErrorFix[]): Finding {
  return { kind: 'argument', layer, facts, meaning, fixes, explanation: null };
}
