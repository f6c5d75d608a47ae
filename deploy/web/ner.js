// Marks the named entities of a text.

import {element} from './runtime.js';
import {findWords, tokenIds} from './text.js';

export function prepare(run, form) {
  form.elements.text.value = run.facts.example;
}

// The entities of tags, as `[first, last + 1, type]`: `rnn_keras.metrics.find_entities`.
export function findEntities(tags) {
  const entities = [];
  let start = 0, current = '';
  [...tags, 'O'].forEach((tag, i) => {
    const [prefix, kind = ''] = tag.split(/-(.*)/s);
    if (current && ('OBSU'.includes(prefix) || kind !== current)) {
      entities.push([start, i, current]);
      current = '';
    }
    if (prefix !== 'O' && !current) [start, current] = [i, kind];
    if ('ELSU'.includes(prefix)) {
      entities.push([start, i + 1, kind]);
      current = '';
    }
  });
  return entities;
}

// The entities of a text, with the probability of the least certain tag; and the numbers of words that
// it has and that are read.
export async function tag(run, text) {
  const {words, characters, tags, word_length} = run.facts;
  const found = findWords(text, run.facts);
  const signature = run.signature('score', 'words', found.length);
  const [, time, room] = run.shape(signature, 'characters'), read = found.slice(0, time);
  const [wordIds, characterIds] = [tokenIds(words), tokenIds(characters)];
  const inputs = {words: [], characters: new Int32Array(time * room)};
  read.forEach(({word}, i) => {
    inputs.words.push(wordIds.get(word.toLowerCase().replace(/\p{N}/gu, '0')) ?? wordIds.get('<unk>'));
    [...word].slice(0, Math.min(word_length, room)).forEach((character, j) => {
      inputs.characters[i * room + j] = characterIds.get(character) ?? characterIds.get('<unk>');
    });
  });
  const scored = await run.run(signature, inputs);
  const names = [...scored.tags.slice(0, read.length)].map(id => tags[id]);
  const entities = findEntities(names).map(([first, last, type]) => ({
    type, start: read[first].start, end: read[last - 1].end,
    probability: Math.min(...scored.probability.slice(first, last)),
  }));
  return {entities, length: found.length, read: read.length};
}

export async function answer(run, form, output) {
  const text = form.elements.text.value, {entities, length, read} = await tag(run, text);
  if (!length) throw new RangeError('There is no word in this text.');
  const types = [...new Set(run.facts.tags.filter(tag => tag !== 'O').map(tag => tag.slice(2)))];
  const paragraph = element('p');
  let end = 0;
  for (const entity of entities) {
    const {type, probability, start} = entity;
    paragraph.append(text.slice(end, start), element(
      'mark', {class: `entity hue${types.indexOf(type) % 5}`, 'data-type': type, 'data-probability': probability,
        title: `probability ${probability.toFixed(3)}`},
      element('span', {}, text.slice(start, end = entity.end)), ' ', element('small', {}, type)));
  }
  paragraph.append(text.slice(end));
  output.append(paragraph);
  return `${entities.length} ${entities.length === 1 ? 'entity' : 'entities'}.` +
    `${read < length ? ` Read the first ${read} of ${length} words.` : ''}`;
}
