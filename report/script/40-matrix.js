// The verdict matrix: another prompt variant, another rule, items of another source.

/** A verdict as the templates write it: symbol and word. */
function verdictMark(glyphs, shape, otherwise) {
  const symbol = makeSvg('svg', { class: 'glyph', viewBox: '0 0 24 16', 'aria-hidden': 'true', focusable: 'false' });
  symbol.append(makeSvg('path', { d: glyphs[shape] ?? 'M4 8' }));
  return make('span', { class: `verdict ${shapeClass(shape)}` }, symbol, make('span', {}, shape || otherwise));
}

function shapeClass(shape) {
  return shape ? shape.toLowerCase() : 'no-shape';
}

function protocolTag(protocol, modified) {
  const tag = make('span', { class: `tag ${protocol}` }, protocol);
  if (modified) tag.title = modified;
  return tag;
}

/** The verdict of one rule on a curve, as contents of a table cell. */
function opinionParts(glyphs, verdict, rule) {
  const [shape, note] = verdict[rule];
  const mark = verdictMark(glyphs, shape, rule === 'equivalent' ? verdict.shown : 'none');
  const parts = [verdict.link ? make('a', { href: `#${verdict.link}` }, mark) : mark];
  if (note) parts.push(make('span', { class: 'under' }, note));
  return parts;
}

/** The flags of the numbers of a curve, as the templates write them. */
function flagMarks(words, names) {
  const marks = make('span', { class: 'marks' });
  names.forEach((name, index) => {
    const [mark, title] = words[name];
    if (index) marks.append(' ');
    marks.append(make('span', { class: 'flag', title }, mark));
  });
  return marks;
}

const MATRIX_KEYS = {
  equivalent:
    'The percentage is the share of bootstrap draws with the same verdict. A coloured cell is settled: at least 95% of draws.',
  literal:
    'The percentage is the share of bootstrap draws with the same verdict; it is unknown for published series and averages. A coloured cell is settled: at least 95% of draws.',
  statistical:
    'q is the corrected p-value of the test for a U-shape where that is the verdict, else of the test for any change; the average, a single test, has p. A coloured cell is significant: at most 5%.',
};

function showMatrix(data) {
  const chosen = (name) => document.querySelector(`input[name="matrix-${name}"]:checked`)?.value ?? '';
  const [variant, rule, source] = [chosen('variant'), chosen('rule'), chosen('source')];
  const [, protocol, modified] = data.variants.find(([name]) => name === variant);
  const table = document.getElementById('matrix-table');
  for (const head of table.querySelectorAll('.variant')) head.replaceChildren(`${variant} `, protocolTag(protocol, modified));
  [...table.tBodies[0].rows].forEach((line, index) => {
    const row = data.rows[index];
    line.hidden = Boolean(source) && row.source !== source;
    for (const cell of line.querySelectorAll('td')) {
      const { family } = cell.dataset;
      const theirs = cell.dataset.source === 'published';
      fillOpinion(cell, data, theirs ? row.published[family] : row.cells[family]?.[variant], rule);
    }
  });
  const words = data.rules[rule];
  const status = `${words[0].toUpperCase()}${words.slice(1)}, ${variant} (${protocol} protocol).`;
  document.getElementById('matrix-status').textContent = status;
  document.getElementById('matrix-key').textContent = MATRIX_KEYS[rule];
  const note = document.getElementById('matrix-modified');
  note.hidden = !modified;
  note.textContent = modified ? `${variant} is modified: ${modified}.` : '';
}

function fillOpinion(cell, data, verdict, rule) {
  if (!verdict) {
    cell.className = 'none';
    cell.replaceChildren('–');
    return;
  }
  const [shape, , sure] = verdict[rule];
  cell.className = `${shapeClass(shape)}${sure ? ' sure' : ''}`;
  cell.replaceChildren(...opinionParts(data.glyphs, verdict, rule));
  if (verdict.flags) cell.append(flagMarks(data.marks, verdict.flags));
}

onReady(async () => {
  const controls = document.getElementById('matrix-controls');
  if (!controls) return;
  const data = await unpack('pack-matrix');
  controls.hidden = false;
  controls.addEventListener('change', () => showMatrix(data));
  // A browser may come back with another choice than the one that the page was written with.
  showMatrix(data);
});
