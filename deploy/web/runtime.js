// Exported runs: their facts (run.json) and their models (model.tflite), run by LiteRT.js.

import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';

const ARRAYS = {float32: Float32Array, int32: Int32Array};
let ready;

export async function fetchJSON(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return response.json();
}

export class Run {
  // `facts` are what apps/web/facts.py wrote.
  constructor(folder, facts) {
    [this.folder, this.facts] = [folder, facts];
  }

  static async open(folder) {
    return new Run(folder, await fetchJSON(`${folder}/run.json`));
  }

  // Loads the runtime and the model, once.
  load() {
    ready ??= loadLiteRt('./litertjs/core/wasm/');
    this.model ??= ready.then(
      () => loadAndCompile(`${this.folder}/model.tflite`, {accelerator: 'wasm'}));
    return this.model;
  }

  // The shape of an input.
  shape(signature, input) {
    return this.facts.signatures[signature][input].shape;
  }

  // The signature `name`, or of its variants for several lengths (`score_64`, `score_400`) the shortest
  // with room for `length` time steps, else the longest; `input` has the steps as its second axis.
  signature(name, input, length) {
    const variants = Object.keys(this.facts.signatures)
      .filter(each => each === name || each.match(`^${name}_\\d+$`))
      .sort((a, b) => this.shape(a, input)[1] - this.shape(b, input)[1]);
    return variants.find(each => this.shape(each, input)[1] >= length) ?? variants.at(-1);
  }

  // The outputs by name, flat arrays. An input may be shorter than its shape: the rest is zero, and so
  // is an input that is not given, such as an initial state.
  async run(signature, inputs) {
    const model = await this.load(), tensors = {};
    for (const [name, {shape, dtype}] of Object.entries(this.facts.signatures[signature])) {
      const data = new ARRAYS[dtype](shape.reduce((a, b) => a * b, 1));
      data.set(inputs[name] ?? []);
      tensors[name] = new Tensor(data, shape);
    }
    const outputs = await model.run(signature, tensors), arrays = {};
    for (const [name, tensor] of Object.entries(outputs)) arrays[name] = (await tensor.data()).slice();
    [...Object.values(tensors), ...Object.values(outputs)].forEach(tensor => tensor.delete());
    return arrays;
  }
}

// Lets the browser draw, at most every 30 ms of work.
let drawn = 0;
export async function letDraw() {
  if (performance.now() - drawn < 30) return;
  await new Promise(resolve => setTimeout(resolve));
  drawn = performance.now();
}

// A DOM element with attributes and children, nodes or text.
export function element(tag, attributes = {}, ...children) {
  const made = tag === 'svg' || attributes.svg
    ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name !== 'svg') made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}
