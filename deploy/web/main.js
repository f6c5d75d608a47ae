// Navigation between the runs of manifest.json, and what all their forms share.

import {element, fetchJSON, Run} from './runtime.js';

const nav = document.querySelector('nav'), main = document.querySelector('main');
const sections = new Map();

// The section of a run, made from the template of its application on first use. The application's
// module has `prepare(run, form)` and `answer(run, form, output, signal)`.
async function section({application, folder}) {
  const app = await import(`./${application}.js`), run = await Run.open(folder);
  const made = element('section', {'data-run': folder});
  made.append(document.getElementById(application).content.cloneNode(true));
  if (run.facts.description) {
    made.querySelector('h2').after(element('p', {class: 'hint'}, run.facts.description));
  }
  const form = made.querySelector('form'), {stop} = form.elements;
  const status = element('p', {role: 'status'}), output = element('output');
  made.append(status, output);
  app.prepare(run, form);
  const submit = form.querySelector('button:not([name])');
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const control = new AbortController();
    if (stop) [stop.hidden, stop.onclick] = [false, () => control.abort()];
    [submit.disabled, status.className, status.textContent] = [true, '', 'Loading the model …'];
    output.replaceChildren();
    output.setAttribute('aria-busy', 'true');
    try {
      await run.load();
      status.textContent = 'Running …';
      status.textContent = await app.answer(run, form, output, control.signal) ?? '';
    } catch (error) {
      [status.className, status.textContent] = ['error', error.message];
      if (!(error instanceof RangeError)) console.error(error);  // bad input is no fault of the page
    }
    output.removeAttribute('aria-busy');
    submit.disabled = false;
    if (stop) stop.hidden = true;
  });
  return made;
}

// The folder of a run, in the address of its section.
const linked = ({hash}) => decodeURIComponent(hash.slice(1));

async function show(runs) {
  const chosen = runs.find(run => run.folder === linked(location)) ?? runs[0];
  for (const link of nav.children) {
    if (linked(link) === chosen.folder) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (!sections.has(chosen)) sections.set(chosen, section(chosen));
  const made = await sections.get(chosen);
  if (linked(nav.querySelector('[aria-current]')) === chosen.folder) main.replaceChildren(made);
}

try {
  const {runs} = await fetchJSON('manifest.json');
  for (const {application, name, folder} of runs) {
    const title = document.getElementById(application).content.querySelector('h2').textContent;
    const several = runs.filter(run => run.application === application).length > 1;
    nav.append(element('a', {href: `#${folder}`}, several ? `${title}: ${name}` : title));
  }
  addEventListener('hashchange', () => show(runs));
  await show(runs);
} catch (error) {
  main.replaceChildren(element('p', {class: 'error'}, `The page cannot be shown: ${error.message}`));
  console.error(error);
}
