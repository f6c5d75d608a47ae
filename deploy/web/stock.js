// Forecasts the rows after a table, and draws them.

import {element} from './runtime.js';

const DIGITS = {minimumSignificantDigits: 5, maximumSignificantDigits: 5, useGrouping: false};
const HEIGHT = 260, MARGIN = {left: 56, right: 8, top: 8, bottom: 28};

export function prepare(run, form) {
  const {columns, lookback, horizon, example} = run.facts;
  form.elements.text.value = example;
  form.querySelector('.hint').textContent =
    `Columns: ${columns.join(', ')}. The last ${lookback} rows are read, the next ${horizon} forecast.`;
}

// The last rows of a table, `[lookback][columns]`; other columns are ignored.
export function parseTable(text, {columns, lookback}) {
  const lines = text.trim().split(/\r\n?|\n/), delimiter = lines[0].match(/[;\t|]/)?.[0] ?? ',';
  const cells = lines.map(line => line.split(delimiter).map(cell => cell.trim().replace(/^"(.*)"$/, '$1')));
  const isNumber = cell => cell !== '' && Number.isFinite(Number(cell));
  const hasHeader = !cells[0].every(isNumber);
  const names = cells[0].map((name, i) => hasHeader
    ? name.toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^_|_$/g, '') : `column${i + 1}`);
  for (const column of columns) {
    if (!names.includes(column)) {
      throw new RangeError(`The table has no column ${column}, it has ${names.join(', ')}.`);
    }
  }
  const rows = cells.length - hasHeader;
  if (rows < lookback) throw new RangeError(`The table has ${rows} rows, a forecast needs ${lookback}.`);
  return cells.slice(-lookback).map((row, i) => columns.map(column => {
    const cell = row[names.indexOf(column)] ?? '';
    if (isNumber(cell)) return Number(cell);
    const line = lines.length - lookback + i + 1;
    throw new RangeError(`Line ${line}: “${cell}” in the column ${column} is not a number.`);
  }));
}

// The quantiles of each target column, `[targets][horizon][levels]`.
export async function forecast(run, window) {
  const {targets, horizon, levels} = run.facts;
  const {quantiles} = await run.run('forecast', {window: window.flat()});
  return Array.from({length: targets}, (_, target) => Array.from({length: horizon}, (_, step) => {
    const start = (step * targets + target) * levels.length;
    return [...quantiles.slice(start, start + levels.length)];
  }));
}

// Round numbers from `low` to `high`.
function ticks(low, high) {
  const rough = (high - low) / 4 || 1, power = 10 ** Math.floor(Math.log10(rough));
  const size = power * [1, 2, 5, 10].find(factor => factor * power >= rough);
  const first = Math.ceil(low / size), count = Math.floor(high / size) - first + 1;
  return Array.from({length: count}, (_, i) => Number(((first + i) * size).toPrecision(12)));
}

// The look-back, the median and the intervals as SVG.
function chart(column, past, fan, levels, width) {
  const values = [...past, ...fan.flat()], low = Math.min(...values), high = Math.max(...values);
  const {left, right, top, bottom} = MARGIN, first = 1 - past.length;
  const x = t => left + (width - left - right) * (t - first) / (fan.length - first);
  const y = v => HEIGHT - bottom - (HEIGHT - top - bottom) * (v - low) / (high - low || 1);
  const points = pairs => pairs.map(([t, v]) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`).join(' ');
  const node = (tag, attributes, ...children) => element(tag, {svg: true, ...attributes}, ...children);
  const now = [0, past.at(-1)], middle = levels.length >> 1;
  const line = k => [now, ...fan.map((row, i) => [i + 1, row[k]])];
  const svg = node('svg', {viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label':
    `${column}: ${past.length} rows, then a forecast of ${fan.length} rows that ends at ${fan.at(-1)[middle].toPrecision(5)}`});
  for (const tick of ticks(low, high)) {
    svg.append(node('line', {class: 'grid', x1: left, x2: width - right, y1: y(tick), y2: y(tick)}),
      node('text', {x: left - 6, y: y(tick) + 4, 'text-anchor': 'end'}, String(tick)));
  }
  for (const [t, anchor] of [[first, 'start'], [0, 'middle'], [fan.length, 'end']]) {
    svg.append(node('text', {x: x(t), y: HEIGHT - 8, 'text-anchor': anchor},
      t ? `${t < 0 ? '−' : '+'}${Math.abs(t)}` : '0'));
  }
  for (let k = 0; k < middle; k++) {
    const outline = [...line(k), ...line(levels.length - 1 - k).reverse()];
    svg.append(node('polygon', {class: 'interval', points: points(outline)}));
  }
  svg.append(node('polyline', {class: 'past', points: points(past.map((v, i) => [first + i, v]))}),
    node('polyline', {class: 'median', points: points(line(middle))}));
  return svg;
}

function table(fan, levels) {
  const cells = (tag, values) => element('tr', {}, ...values.map(value => element(tag, {}, value)));
  return element('table', {},
    element('thead', {}, cells('th', ['row', ...levels.map(level => `${Number((100 * level).toFixed(2))} %`)])),
    element('tbody', {}, ...fan.map((row, i) => cells('td', [
      `+${i + 1}`, ...row.map(value => element('data', {value}, value.toLocaleString('en', DIGITS)))]))));
}

export async function answer(run, form, output) {
  const {columns, levels} = run.facts, window = parseTable(form.elements.text.value, run.facts);
  const fans = await forecast(run, window);
  if (!fans.flat(2).every(Number.isFinite)) {
    throw new RangeError('The forecast is not finite; the values are too large or too wild for the model.');
  }
  const width = Math.max(280, output.parentElement.clientWidth - 32);
  fans.forEach((fan, i) => output.append(
    element('h3', {}, columns[i]),
    chart(columns[i], window.map(row => row[i]), fan, levels, width),
    element('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Quantiles of ${columns[i]}`},
      table(fan, levels))));
  return levels.length > 1 ? 'The line is the median, the bands are between the other quantiles of the table.' : '';
}
