// Continues a text, one character at a time, by the signature `step`.

import {letDraw} from './runtime.js';

export function prepare() {}

// An id drawn from softmax(logits / temperature) by a number from [0, 1); temperature 0 takes the most
// likely one.
export function sample(logits, temperature, uniform = Math.random()) {
  const largest = Math.max(...logits);
  if (temperature === 0) return logits.indexOf(largest);
  const weights = [...logits].map(logit => Math.exp((logit - largest) / temperature));
  let rest = uniform * weights.reduce((a, b) => a + b);
  const id = weights.findIndex(weight => (rest -= weight) < 0);
  return id < 0 ? weights.findLastIndex(weight => weight > 0) : id;
}

// The characters of a continuation, as they are generated.
export async function* generate(run, prompt, {length, temperature}) {
  const {tokens, start} = run.facts, unknown = tokens.indexOf('<unk>');
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const step = async (id, states) => run.run('step', {...states, ids: [id]});
  let states = {};
  for (const character of prompt.replace(/\r\n?/g, '\n') || start) {
    states = await step(ids.get(character) ?? unknown, states);
  }
  for (let t = 0; t < length; t++) {
    states.logits[unknown] = -Infinity;
    const id = sample(states.logits, temperature);
    yield tokens[id];
    states = await step(id, states);
  }
}

export async function answer(run, form, output, signal) {
  const {text, characters, temperature} = form.elements;
  const options = {length: characters.valueAsNumber, temperature: temperature.valueAsNumber};
  output.className = 'text';
  output.append(Object.assign(document.createElement('b'), {textContent: text.value}));
  const began = performance.now();
  let count = 0;
  for await (const character of generate(run, text.value, options)) {
    output.append(character);
    count++;
    await letDraw();
    if (signal.aborted) break;
  }
  return `${count} characters, ${(1000 * count / (performance.now() - began)).toFixed(0)} per second`;
}
