// Translates a sentence by the signature `beam`, whose graph holds the whole search.

import {element} from './runtime.js';
import {tokenIds, splitPieces, splitWords} from './text.js';

const SILENT = new Set(['<pad>', '<bos>']);

export function prepare(run, form) {
  form.elements.text.value = run.facts.example;
}

// The tokens of a sentence that are read, their ids with <eos> behind them, and the number of tokens.
export function tokenize(run, text) {
  const {source, splitter, word_pieces, max_length} = run.facts, ids = tokenIds(source);
  const words = splitWords(text, splitter), all = word_pieces ? splitPieces(words, ids) : words;
  const [, longest] = run.shape(run.signature('beam', 'ids', all.length + 1), 'ids');
  const read = all.slice(0, Math.min(max_length, longest - 1));
  const known = read.map(token => ids.get(token) ?? ids.get('<unk>'));
  return {read, ids: [...known, ids.get('<eos>')], length: all.length};
}

// The text of ids, up to <eos>; `unknown` are the texts of unknown tokens, by position.
export function decode(run, ids, unknown) {
  const {target, splitter, word_pieces} = run.facts;
  let text = '';
  for (const [i, id] of ids.entries()) {
    const token = target[id];
    if (token === '<eos>') break;
    if (SILENT.has(token)) continue;
    if (word_pieces && token.startsWith('##')) text += token.slice(2);
    else text += ` ${token === '<unk>' ? unknown[i] ?? token : token}`;
  }
  return text.replace(new RegExp(` ?${splitter.joiner} ?`, 'gu'), '').trim();
}

// The translation, and its log-probability / length^alpha.
export async function translate(run, {read, ids}) {
  const suffix = run.signature('beam', 'ids', ids.length).slice('beam'.length);
  const found = await run.run(`beam${suffix}`, {ids});
  let unknown = [];
  if (run.facts.replaces_unknown && found.ids.includes(run.facts.target.indexOf('<unk>'))) {
    // An unknown word becomes the word of the sentence that it attends to most.
    const signature = `align${suffix}`, [, time] = run.shape(signature, 'ids');
    const inputs = await run.run(`encode${suffix}`, {ids});
    const {attention} = await run.run(signature, {...inputs, ids: found.ids.slice(0, time)});
    const width = attention.length / time;
    unknown = Array.from({length: time}, (_, i) => {
      const row = attention.slice(i * width, i * width + read.length);
      return read[row.indexOf(Math.max(...row))];
    });
  }
  return {text: decode(run, found.ids, unknown), score: found.scores[0]};
}

export async function answer(run, form, output) {
  const sentence = tokenize(run, form.elements.text.value);
  if (!sentence.read.length) throw new RangeError('There is no word in this text.');
  const {text, score} = await translate(run, sentence);
  output.append(element('p', {lang: run.facts.languages[1], 'data-score': score}, text));
  const {read, length} = sentence;
  return read.length < length ? `Read the first ${read.length} of ${length} tokens.` : '';
}
