// 6. Sentences and padding: tokens of sentences of different length, and what BatchNorm and LayerNorm average over them.

import { computed } from '@preact/signals';
import { useJob } from '../client.js';
import { Choice, ErrorText, Slider, Switch, Takeaway, TextField } from '../parts/controls.js';
import { CopyAs } from '../parts/copyas.js';
import { SetsFold } from '../parts/setsfold.js';
import { param, set } from '../route.js';
import { texts } from '../settings.js';
import type { PaddingAnswer } from '../worker/jobs/padding.js';
import { mostMore } from '../worker/jobs/paddinglimits.js';
import { BatchStatistics, Curve, LayerStatistics, Moves, Why } from './paddingpanels.js';
import { paddingProgram } from './paddingprogram.js';
import { sentenceAbout, TokenGrid, type Place } from './tokengrid.js';
import './padding.css';

const firstText = 'the ship keeps an even keel / a calm sea / the wind turns and the crew takes in the sail before the storm / land ahead';

const sentencesText = param('sentences', firstText);
const moreText = param('more', '10');
const maskText = param('mask', 'off');
const channelText = param('channel', '0');
const cellsText = param('cells', 'batch');
const seedText = param('seed', '0');
const tokenText = param('token', '0.5');

const channels = ['0', '1', '2', '3', '4', '5', '6', '7'] as const;
export const cellNames = ['x', 'batch', 'layer'] as const;
export type CellName = (typeof cellNames)[number];

const more = computed(() => Math.max(0, Math.min(mostMore, Math.round(Number(moreText.value)) || 0)));
const isMasked = computed(() => maskText.value === 'on');
const channel = computed(() => Number(channels.find((n) => n === channelText.value) ?? '0'));
const cells = computed<CellName>(() => cellNames.find((name) => name === cellsText.value) ?? 'batch');
const place = computed<Place>(() => {
  const [, sentence = 0, position = 0] = (/^(\d+)\.(\d+)$/.exec(tokenText.value) ?? []).map(Number);
  return { sentence, position };
});
/** Its own signal, so that the worker is asked anew only where the sentence is another one. */
const sentence = computed(() => place.value.sentence);

export function Content() {
  const t = texts.value.padding;
  const known = useJob('padding', () => ({
    text: sentencesText.value, more: more.value, isMasked: isMasked.value, sentence: sentence.value, seed: Number(seedText.value) || 0,
  }));
  const { answer, failure } = known.value;
  const isOfText = failure?.data['field'] === 'text' || failure?.code === 'too_few_values';
  return (
    <>
      <p class="lead">{t.lead}</p>
      <div class="controls">
        <TextField label={t.text} value={sentencesText.value} change={(text) => set({ sentences: text })} width={64} failure={isOfText ? failure : null} />
        <Choice<CellName> label={t.cells} value={cells.value} options={cellNames.map((name) => [name, t.cellNames[name]])} choose={(name) => set({ cells: name })} />
        <Choice label={t.channel} value={String(channel.value)} options={channels.map((n) => [n, n])} choose={(n) => set({ channel: n })} />
        <TextField label={t.seed} value={seedText.value} change={(seed) => set({ seed })} width={5} />
      </div>
      <Slider label={t.more} value={more.value} least={0} most={mostMore} change={(n) => set({ more: n })} />
      <Switch label={t.mask} isOn={isMasked.value} change={(isOn) => set({ mask: isOn ? 'on' : null })} />
      {failure !== null && !isOfText && <ErrorText failure={failure} />}
      {answer !== null && <Tokens answer={answer} />}
      {answer !== null && <SetsFold layer="[n l] c, c" shape={[answer.sentences.length, answer.length, answer.width]} names={['N', 'L', 'C']} />}
      <Takeaway title={texts.value.takeaway}>{t.takeaway}</Takeaway>
    </>
  );
}

function Tokens({ answer }: { readonly answer: PaddingAnswer }) {
  const t = texts.value.padding;
  const at: Place = {
    sentence: Math.min(place.value.sentence, answer.sentences.length - 1),
    position: Math.min(place.value.position, answer.length - 1),
  };
  const about = sentenceAbout(answer, at, channel.value, isMasked.value, t);
  return (
    <>
      <TokenGrid
        answer={answer} values={answer[cells.value]} channel={channel.value} at={at} about={about}
        choose={({ sentence: row, position }) => set({ token: `${row}.${position}` })}
      />
      <p class="sentence" data-testid="token-sentence">{about}</p>
      <CopyAs
        forms={(['python', 'typescript'] as const).map((language) => [
          { python: 'PyTorch', typescript: 'evenkeel' }[language], () => paddingProgram(answer.sentences, more.value, Number(seedText.value) || 0, language),
        ] as const)}
      />
      <div class="sides">
        <BatchStatistics answer={answer} channel={channel.value} isMasked={isMasked.value} />
        <LayerStatistics answer={answer} at={at} />
        <Curve answer={answer} more={more.value} />
        <Moves answer={answer} sentence={at.sentence} more={more.value} />
      </div>
      <Why answer={answer} />
    </>
  );
}
