// From texts to ids, as rnn_keras.text does it; the patterns come from there.

// A pattern of RE2 as a regular expression of JavaScript.
function regex(pattern) {
  return new RegExp(pattern.replace(/\\x\{/g, '\\u{').replaceAll('\\s', '[\\t\\n\\f\\r ]')
    .replace(/\\p\{(?=[A-Z][a-z]{2,}\})/g, '\\p{Script='), 'gu');
}

// Control characters and halves of surrogate pairs as blanks; typographic apostrophes as plain ones.
const withoutControls = text => text.replace(/[\0-\x1f\p{Cs}]/gu, ' ');
const withPlainApostrophes = text => text.replace(/[’ʼ]/g, "'");

// The words and marks of a text: `WordSplitter.split`.
export function splitWords(text, {lowercase, nfc, separate, blank, joiner}) {
  text = withoutControls(text);
  if (lowercase) text = text.toLowerCase();
  if (nfc) text = text.normalize('NFC');
  text = withPlainApostrophes(text).replace(regex(joiner ? `${joiner}|${blank}` : blank), ' ');
  text = text.replace(regex(separate), joiner ? '\x01$&\x02' : ' $& ');
  for (const [glue, tokens] of [
    [/ \x01/g, ' '], [/\x02 /g, ' '], [/^\x01|\x02$/g, ''],
    [/\x02\x01/g, ` ${joiner}`], [/\x01/g, ` ${joiner}`], [/\x02/g, `${joiner} `],
  ]) text = text.replace(glue, tokens);
  return text.split(' ').filter(Boolean);
}

// The ids of tokens.
export const tokenIds = tokens => new Map(tokens.map((token, id) => [token, id]));

// The pieces of words, the longest match first: `split_into_pieces`.
export function splitPieces(words, ids) {
  return words.flatMap(word => {
    const characters = [...word], pieces = [];
    if (new TextEncoder().encode(word).length > 100) return ['<unk>'];
    for (let start = 0, end; start < characters.length; start = end) {
      const piece = () => (start ? '##' : '') + characters.slice(start, end).join('');
      for (end = characters.length; end > start && !ids.has(piece()); end--);
      if (end === start) return ['<unk>'];
      pieces.push(piece());
    }
    return pieces;
  });
}

// The words and marks of a text, and where they start in it: `find_words`.
export function findWords(text, {pattern, endings}) {
  const cut = withPlainApostrophes(withoutControls(text)).replace(regex(endings), '\x03$&');
  const words = [];
  for (const {0: word, index} of cut.matchAll(regex(pattern))) {
    const cuts = cut.slice(0, index).split('\x03').length - 1;
    words.push({word, start: index - cuts, end: index - cuts + word.length});
  }
  return words;
}
