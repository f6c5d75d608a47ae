// Classifies a review, and colours its words by the effect of leaving each one out.

import {letDraw, element} from './runtime.js';
import {tokenIds, splitPieces, splitWords} from './text.js';

const MOST = 128;  // parts of a text that are left out, one at a time
const NAMED = 6;  // words that are listed

export function prepare(run, form) {
  form.elements.text.value = run.facts.example;
}

// The tokens that are read, their ids, and the number of all tokens; of a long text both ends are read.
export function tokenize(run, text) {
  const {tokens, splitter, word_pieces, max_length} = run.facts, ids = tokenIds(tokens);
  const words = splitWords(text, splitter);
  const all = word_pieces ? splitPieces(words, ids) : words;
  const longest = run.shape(run.signature('score', 'ids', Infinity), 'ids')[1];
  const room = Math.min(max_length, longest), tail = room >> 1;
  const read = all.filter((_, i) => i < room - tail || all.length - i <= tail);
  return {read, ids: read.map(token => ids.get(token) ?? ids.get('<unk>')), length: all.length};
}

export async function score(run, ids) {
  const {logit, probability} = await run.run(run.signature('score', 'ids', ids.length), {ids});
  return {logit: logit[0], probability: probability[0]};
}

// The effect of each part of the text: its log-odds less those without the part, whose ids are 0.
export async function* effects(run, {read, ids}, logit) {
  const size = Math.ceil(read.length / MOST);
  for (let start = 0; start < read.length; start += size) {
    const without = ids.with(start, 0).fill(0, start, start + size);
    const effect = logit - (await score(run, without)).logit;
    yield {text: read.slice(start, start + size).join(' '), effect};
  }
}

export async function answer(run, form, output) {
  const reading = tokenize(run, form.elements.text.value), {read, ids, length} = reading;
  if (!read.length) throw new RangeError('There is no word in this text.');
  const {logit, probability} = await score(run, ids);
  output.append(element('p', {},
    element('strong', {}, probability > 0.5 ? 'positive' : 'negative'), ', probability ',
    element('data', {value: probability}, probability.toFixed(3))));
  const parts = [];
  for await (const part of effects(run, reading, logit)) {
    parts.push(part);
    await letDraw();
  }
  const bySize = parts.toSorted((a, b) => Math.abs(b.effect) - Math.abs(a.effect));
  const signed = effect => (effect < 0 ? '−' : '+') + Math.abs(effect).toFixed(2);
  const paragraph = element('p');
  for (const {text, effect} of parts) {
    const mark = element('mark', {
      class: effect < 0 ? 'negative' : 'positive', 'data-effect': effect, title: signed(effect)}, text);
    const strength = Math.abs(effect / bySize[0].effect || 0);
    mark.style.setProperty('--strength', `${Math.round(100 * strength)}%`);
    paragraph.append(mark, ' ');
  }
  output.append(paragraph, element('p', {class: 'hint'}, 'Effect on the log-odds: ' +
    bySize.slice(0, NAMED).map(({text, effect}) => `${text} ${signed(effect)}`).join(', ')));
  const unknown = ids.filter(id => id === run.facts.tokens.indexOf('<unk>')).length;
  return `${read.length < length ? `Read the first and the last ${read.length >> 1} of ${length} words. ` : ''}` +
    `${unknown} of ${read.length} words are unknown to the model.`;
}
