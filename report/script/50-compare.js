// The comparison: what is chosen, its drawing, its tables, its files, and the link to it.

const COMPARE = '#compare?';
const CHOICES = ['task', 'family', 'variant'];
const SELECTS = ['metric', 'scale', 'layout'];
const DOWNLOAD_WIDTH = 1080;
const SCALE_WORDS = {
  training_flops: 'training compute (FLOPs)',
  parameters: 'parameters',
  relative: 'position within the family (logarithmic)',
};
const CSV_COLUMNS = [
  'family', 'source', 'task', 'variant', 'protocol', 'modified', 'metric', 'size', 'parameters', 'training_flops',
  'value', 'low', 'high', 'n', 'chance', 'flags', 'equivalent', 'literal', 'statistical',
];

const byId = (id) => document.getElementById(id);

function isCompareLink() {
  return location.hash.startsWith(COMPARE);
}

/** The first choice: our families and PaLM, under the main prompt variant, on few tasks. */
function firstChoice(data) {
  const average = data.editions.findLast((one) => one.task === data.average);
  const tasks = data.editions.filter((one) => one.task !== data.average).slice(0, average ? 3 : 4);
  return {
    task: [...tasks, ...(average ? [average] : [])].map((one) => one.key),
    family: data.families.filter((one) => !one.published || one.name === 'PaLM').map((one) => one.key),
    variant: [data.variants[0].name],
    metric: 'judged',
    scale: data.scale,
    layout: 'task',
  };
}

/** The choice in the address; the first choice where it names none. */
function linkedChoice(data) {
  const given = new URLSearchParams(location.hash.slice(COMPARE.length));
  const choice = firstChoice(data);
  for (const name of CHOICES) if (given.has(name)) choice[name] = given.getAll(name);
  for (const name of SELECTS) {
    const known = [...byId(`compare-${name}`).options].some((option) => option.value === given.get(name));
    if (known) choice[name] = given.get(name);
  }
  return choice;
}

function compareAddress(choice) {
  const given = new URLSearchParams();
  for (const name of CHOICES) (choice[name].length ? choice[name] : ['']).forEach((value) => given.append(name, value));
  for (const name of SELECTS) given.set(name, choice[name]);
  return COMPARE + given;
}

function setControls(choice) {
  for (const name of CHOICES) {
    for (const box of document.getElementsByName(`compare-${name}`)) box.checked = choice[name].includes(box.value);
  }
  for (const name of SELECTS) byId(`compare-${name}`).value = choice[name];
}

function readControls() {
  const choice = {};
  for (const name of CHOICES) {
    choice[name] = [...document.getElementsByName(`compare-${name}`)].filter((box) => box.checked).map((box) => box.value);
  }
  for (const name of SELECTS) choice[name] = byId(`compare-${name}`).value;
  return choice;
}

/** The index of the metric to show of a curve; undefined where it was not measured. */
function metricOf(data, choice, curve) {
  const names = choice.metric === 'judged' ? [curve.judged, ...data.primary.map((index) => data.metrics[index].name)] : [choice.metric];
  const indices = names.map((name) => data.metrics.findIndex((metric) => metric.name === name));
  return indices.find((index) => index in curve.metrics);
}

/** The curves chosen, with their points on the scale chosen, in the order of the controls. */
function chosenCurves(data, choice) {
  const chosen = [];
  for (const edition of data.editions.filter((one) => choice.task.includes(one.key))) {
    for (const curve of data.curves) {
      const family = data.families[curve.family];
      const variant = data.variants[curve.variant];
      const onItems = curve.task === edition.task && (family.published || curve.source === edition.source);
      if (!onItems || !choice.family.includes(family.key) || !choice.variant.includes(variant.name)) continue;
      const index = metricOf(data, choice, curve);
      if (index === undefined) continue;
      const metric = data.metrics[index];
      const points = pointsOf(family, curve.metrics[index], choice.scale);
      const { n, chance } = curve.metrics[index];
      const items = family.published ? 'official' : curve.source;
      const opinions = curve.verdict;
      const opinion = opinions?.[data.words?.rule ?? 'equivalent'];
      const verdict = opinions && metric.name === curve.judged ? [opinion[0] || opinions.shown, opinion[1]] : null;
      const protocol = curve.protocol ?? variant.protocol;
      chosen.push({ edition, family, variant, protocol, metric, points, n, chance, items, opinions, verdict });
    }
  }
  const order = (curve) => [data.editions.indexOf(curve.edition), data.families.indexOf(curve.family), data.variants.indexOf(curve.variant)];
  const keyed = chosen.map((curve) => [order(curve), curve]);
  keyed.sort(([a], [b]) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  return keyed.map(([, curve]) => curve);
}

function pointsOf(family, series, scale) {
  const sizes = new Map(family.sizes.map(([size, parameters, flops]) => [size, { parameters, training_flops: flops }]));
  const points = series.size.map((size, index) => ({
    size,
    ...sizes.get(size),
    x: scale === 'relative' ? positionWithin(family, sizes.get(size)) : sizes.get(size)[scale],
    value: series.value[index],
    low: series.low[index],
    high: series.high[index],
    flags: series.flags[index] ?? '',
    hollow: (series.flags[index] ?? '').split(';').includes('constant-answer'),
  }));
  return points.filter((point) => point.value !== null && point.x !== null).sort((a, b) => a.x - b.x);
}

/** The position of a size between the smallest and the largest of its family, on a logarithmic scale. */
function positionWithin(family, size) {
  const by = family.sizes.every(([, , flops]) => flops !== null) ? 'training_flops' : 'parameters';
  const logs = family.sizes.map(([, parameters, flops]) => Math.log(by === 'parameters' ? parameters : flops));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  return high > low ? (Math.log(size[by]) - low) / (high - low) : 0.5;
}

const sayFamily = (family) => (family.published ? `${family.name}, published` : family.name);
const sayVariant = (variant) => `${variant.name} (${variant.protocol})`;

const DIMENSIONS = {
  family: (curve) => sayFamily(curve.family),
  variant: (curve) => sayVariant(curve.variant),
  task: (curve) => curve.edition.name,
};

/** Panels with their curves: titles name what is the same in a panel, labels what differs. */
function panelsOf(data, choice, curves) {
  const groups = new Map();
  for (const curve of curves) {
    const name = choice.layout === 'one' ? 'All curves' : DIMENSIONS[choice.layout](curve);
    const key = JSON.stringify([name, curve.metric.name]);
    if (!groups.has(key)) groups.set(key, { title: name, metric: curve.metric, curves: [] });
    groups.get(key).curves.push(curve);
  }
  const panels = [...groups.values()];
  const differs = Object.keys(DIMENSIONS).filter((name) =>
    panels.some((panel) => new Set(panel.curves.map(DIMENSIONS[name])).size > 1),
  );
  giveLooks(data, curves, differs);
  // Labels say *published* only where a family that was run has the same name; the subtitle always does.
  const ours = new Set(data.families.filter((one) => !one.published).map((one) => one.name));
  const twins = new Set(data.families.filter((one) => one.published && ours.has(one.name)).map((one) => one.name));
  for (const panel of panels) {
    const same = Object.keys(DIMENSIONS).filter((name) => !differs.includes(name) && name !== choice.layout);
    const items = [...new Set(panel.curves.map((curve) => (curve.family.published ? 'published series on official items' : `${curve.items} items`)))];
    const reversed = panel.metric.lower ? ', reversed axis: up is better' : '';
    const about = same.map((name) => DIMENSIONS[name](panel.curves[0]));
    panel.subtitle = [`${panel.metric.label}${reversed}`, ...about, items.join(', ')].join(' · ');
    for (const curve of panel.curves) {
      const named = { ...DIMENSIONS, family: ({ family }) => (twins.has(family.name) ? sayFamily(family) : family.name) };
      curve.name = differs.filter((name) => name !== 'variant').map((name) => named[name](curve)).join(', ');
      curve.variantName = differs.includes('variant') ? sayVariant(curve.variant) : '';
    }
  }
  return panels;
}

/** Colour and marker encode the first dimension in which curves of a panel differ, dashes the second. */
function giveLooks(data, curves, differs) {
  const own = {
    family: (curve) => curve.family,
    variant: (curve) => curve.variant,
    task: (curve) => data.looks[data.editions.indexOf(curve.edition) % data.looks.length],
  };
  const [first = 'family', second] = differs;
  const tasks = [...new Set(curves.map((curve) => curve.edition))];
  for (const curve of curves) {
    const { colour, marker, dashes } = own[first](curve);
    const dash = second === 'variant' ? curve.variant.dashes : [[], [5, 1.6], [1.4, 1.3], [5, 1.4, 1.2, 1.4]][tasks.indexOf(curve.edition) % 4];
    curve.look = { colour, marker, dashes: second ? dash : dashes };
  }
}

function sayValue(metric, value) {
  if (value === null) return '–';
  if (metric.unit === 'nats') return value.toFixed(2).replace('-', '−');
  if (metric.unit === 'small' && value > 0 && value < 0.01) return `${Number((100 * value).toPrecision(2))}%`;
  return `${(100 * value).toFixed(1)}%`;
}

function sayInterval(metric, { low, high }) {
  return low === null || high === null ? '' : `${sayValue(metric, low)} to ${sayValue(metric, high)}`;
}

/** The drawing in words. */
function describe(view) {
  const sentences = view.panels.map((panel) => {
    const curves = panel.curves.map((curve) => {
      const [first, last] = [curve.points[0], curve.points.at(-1)];
      const name = Object.values(DIMENSIONS).map((words) => words(curve)).join(', ');
      const shape = curve.verdict?.[0];
      const ends = `${sayValue(panel.metric, first.value)} at ${first.size}, ${sayValue(panel.metric, last.value)} at ${last.size}`;
      return `${name}: ${shape ? `${shape}, ` : ''}${ends}`;
    });
    return `${panel.title}, ${panel.metric.label}. ${curves.join('; ')}.`;
  });
  return sentences.join(' ');
}

function sayStatus(view, choice, variantWords = 'Prompt variants') {
  const { curves, panels, left } = view;
  const missing = left ? ` ${left === 1 ? 'One curve is' : `${left} curves are`} left out, without known ${SCALE_WORDS[choice.scale]}.` : '';
  if (!curves.length) {
    const empty = CHOICES.find((name) => !choice[name].length);
    const words = { task: 'no task', family: 'no family', variant: 'no prompt variant' };
    return `Nothing to draw: ${empty ? `${words[empty]} is chosen` : 'the chosen curves were not measured'}.${missing}`;
  }
  const variants = [...new Set(curves.map((curve) => `${curve.variant.name} (${curve.protocol} protocol)`))];
  const count = (number, word) => `${number} ${word}${number === 1 ? '' : 's'}`;
  return `${count(curves.length, 'curve')} in ${count(panels.length, 'panel')}, against ${SCALE_WORDS[choice.scale]}. ${variantWords}: ${variants.join(', ')}.${missing}`;
}

function sayNotes({ curves }, verdictWords = 'those of the published-equivalent rule, each with the share of bootstrap draws that give it') {
  const notes = ['Bars and bands are 95% intervals over items, where they are known. Hollow marks are models that nearly always give the same answer.'];
  const mixed = new Map();
  for (const curve of curves) mixed.set(curve.edition, (mixed.get(curve.edition) ?? new Set()).add(curve.items));
  if ([...mixed.values()].some((items) => items.size > 1)) {
    notes.push('Published series answered official items; curves of other items beside them answer other questions: compare shapes, not heights.');
  }
  for (const variant of new Set(curves.map((curve) => curve.variant))) {
    if (variant.modified) notes.push(`${variant.name} is modified: ${variant.modified}.`);
  }
  if (curves.some((curve) => curve.verdict)) {
    notes.push(`Verdicts at the curves are ${verdictWords}.`);
  }
  return notes.join(' ');
}

function viewOf(data, choice) {
  const chosen = chosenCurves(data, choice);
  const curves = chosen.filter((curve) => curve.points.length);
  return {
    curves,
    panels: panelsOf(data, choice, curves),
    left: chosen.length - curves.length,
    horizontal: { kind: choice.scale, words: SCALE_WORDS[choice.scale] },
  };
}

/** The drawing as an element of the page, with the words that stand for it. */
function drawingOf(view, width, ink, symbols) {
  const drawn = drawCurves(view, width, ink, symbols);
  const { drawing } = drawn;
  drawing.prepend(
    makeSvg('title', { id: 'compare-plot-title' }, `${view.curves.length} curves against ${view.horizontal.words}`),
    makeSvg('desc', { id: 'compare-plot-desc' }, describe(view)),
  );
  for (const [name, value] of Object.entries({ id: 'compare-plot', role: 'img', 'aria-labelledby': 'compare-plot-title', 'aria-describedby': 'compare-plot-desc' })) {
    drawing.setAttribute(name, value);
  }
  return drawn;
}

/** The drawing as a self-contained file: on white, of one width. */
function comparisonFile(view, symbols) {
  const { drawing, width, height } = drawingOf(view, DOWNLOAD_WIDTH, INKS.light, symbols);
  const margin = 16;
  const [wide, high] = [width + 2 * margin, height + 2 * margin];
  drawing.setAttribute('viewBox', `${-margin} ${-margin} ${wide} ${high}`);
  drawing.setAttribute('width', wide);
  drawing.setAttribute('height', high);
  drawing.querySelector('desc').after(makeSvg('rect', { x: -margin, y: -margin, width: wide, height: high, fill: '#ffffff' }));
  return { text: new XMLSerializer().serializeToString(drawing), width: wide, height: high };
}

function rowsOf(view) {
  return view.curves.flatMap((curve) =>
    curve.points.map((point) => {
      const verdict = (rule) => (curve.verdict ? curve.opinions[rule][0] : '');
      return {
        ...point,
        family: curve.family.name,
        source: curve.family.published ? 'published' : curve.items,
        task: curve.edition.task,
        variant: curve.variant.name,
        protocol: curve.protocol,
        modified: curve.variant.modified,
        metric: curve.metric.name,
        n: curve.n,
        chance: curve.chance,
        equivalent: verdict('equivalent'),
        literal: verdict('literal'),
        statistical: verdict('statistical'),
      };
    }),
  );
}

function csvOf(view) {
  const cell = (value) => {
    const text = value === null || value === undefined ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rowsOf(view).map((row) => CSV_COLUMNS.map((name) => cell(row[name])).join(','));
  return `${[CSV_COLUMNS.join(','), ...lines].join('\n')}\n`;
}

function headOf(table, names) {
  const cells = names.map((name) => make('th', { scope: 'col' }, name));
  table.replaceChildren(make('thead', {}, make('tr', {}, ...cells)));
  makeSortable(table);
}

/** One row per curve: how it is drawn, and the verdict of each rule on it. */
function fillCurves(data, view, ink, symbols) {
  const table = byId('compare-curves');
  const rules = Object.values(data.rules).map((words) => words[0].toUpperCase() + words.slice(1));
  headOf(table, ['Curve', 'Family', data.words?.head ?? 'Prompt variant', 'Items', ...rules]);
  const body = make('tbody');
  for (const curve of view.curves) {
    const sample = makeSvg('svg', { class: 'swatch', width: 24, height: 12, 'aria-hidden': 'true' }, sampleOf(curve.look, ink, 1, 6));
    const row = make('tr', {}, make('th', { scope: 'row' }, sample, ' ', curve.edition.name));
    row.append(make('td', {}, sayFamily(curve.family)));
    row.append(make('td', { class: 'word' }, `${curve.variant.name} `, protocolTag(curve.protocol, curve.variant.modified)));
    row.append(make('td', {}, curve.items));
    for (const rule of Object.keys(data.rules)) {
      row.append(make('td', {}, ...(curve.opinions ? opinionParts(symbols, curve.opinions, rule) : ['–'])));
    }
    body.append(row);
  }
  table.append(body);
}

/** One row per point, in groups by curve. */
function fillNumbers(view) {
  const table = byId('compare-table');
  headOf(table, ['Size', 'Parameters', 'FLOPs', 'Value', '95% interval', 'Items', 'Flags']);
  for (const curve of view.curves) {
    const name = `${curve.edition.name}, ${sayFamily(curve.family)}, ${curve.variant.name} `;
    const head = make('th', { class: 'group', scope: 'rowgroup', colspan: 7 }, name, protocolTag(curve.protocol, curve.variant.modified), ` ${curve.metric.label}`);
    const body = make('tbody', {}, make('tr', {}, head));
    for (const point of curve.points) {
      const cells = [
        point.parameters === null ? '–' : metricPrefix(point.parameters),
        point.training_flops === null ? '–' : powerOfTen(point.training_flops),
        sayValue(curve.metric, point.value),
        sayInterval(curve.metric, point) || '–',
        curve.n === null ? '–' : curve.n.toLocaleString('en'),
        point.flags.split(';').join(', '),
      ];
      body.append(make('tr', {}, make('th', { scope: 'row' }, point.size), ...cells.map((text) => make('td', {}, text))));
    }
    table.append(body);
  }
}

/** A point in words. */
function sayPoint({ curve, panel, point }) {
  const interval = sayInterval(panel.metric, point);
  const at = point.training_flops === null ? '' : ` (${powerOfTen(point.training_flops)} FLOPs)`;
  return `${curve.edition.name}, ${sayFamily(curve.family)}, ${sayVariant(curve.variant)}: ${sayValue(panel.metric, point.value)}${interval ? `, 95% interval ${interval}` : ''}, at ${point.size}${at}`;
}

/** Let pointer and arrow keys pick points of a drawing. */
function picking(canvas, readout) {
  const tip = make('div', { class: 'tip', 'aria-hidden': 'true' });
  let [drawn, picked] = [null, null];

  function pick(mark) {
    picked = mark;
    canvas.querySelector('.ring')?.remove();
    tip.remove();
    // The same curve in other panels keeps its opacity.
    for (const node of canvas.querySelectorAll('.curve')) node.setAttribute('opacity', !mark || node.dataset.of === mark.node.dataset.of ? 1 : 0.3);
    if (!mark) return;
    const ring = { class: 'ring', cx: mark.x, cy: mark.y, r: 8, fill: 'none', stroke: 'currentColor', 'stroke-width': 2 };
    drawn.drawing.append(makeSvg('circle', ring));
    tip.textContent = sayPoint(mark);
    canvas.append(tip);
    const left = Math.min(Math.max(mark.x - tip.offsetWidth / 2, 0), canvas.clientWidth - tip.offsetWidth);
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${mark.y > tip.offsetHeight + 16 ? mark.y - tip.offsetHeight - 14 : mark.y + 14}px`;
  }

  function point(event) {
    const box = drawn?.drawing.getBoundingClientRect();
    if (!box) return;
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const away = (mark) => Math.hypot(mark.x - x, mark.y - y);
    const nearest = drawn.marks.reduce((best, mark) => (!best || away(mark) < away(best) ? mark : best), null);
    const mark = nearest && away(nearest) < 28 ? nearest : null;
    if (mark !== picked) pick(mark);
  }

  canvas.addEventListener('pointermove', point);
  canvas.addEventListener('pointerdown', point);
  canvas.addEventListener('pointerleave', () => pick(null));
  canvas.addEventListener('blur', () => pick(null));
  canvas.addEventListener('keydown', (event) => {
    if (!drawn?.marks.length) return;
    const next = neighbour(drawn.marks, picked, event.key);
    if (next === undefined) return;
    event.preventDefault();
    pick(next);
    readout.textContent = next ? sayPoint(next) : '';
  });
  return (other) => {
    drawn = other;
    pick(null);
  };
}

/** The point that a key leads to; null for none, undefined for any other key. */
function neighbour(marks, from, key) {
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  const jumps = { ArrowDown: 1, ArrowUp: -1 };
  if (key === 'Escape') return null;
  if (key === 'Home') return marks[0];
  if (key === 'End') return marks.at(-1);
  if (!(key in steps) && !(key in jumps)) return undefined;
  if (!from) return marks[0];
  if (key in steps) return marks[Math.min(Math.max(marks.indexOf(from) + steps[key], 0), marks.length - 1)];
  const nodes = [...new Set(marks.map((mark) => mark.node))];
  const node = nodes[Math.min(Math.max(nodes.indexOf(from.node) + jumps[key], 0), nodes.length - 1)];
  return marks.find((mark) => mark.node === node);
}

async function copyAddress() {
  const field = byId('compare-address');
  field.value = location.href;
  try {
    await navigator.clipboard.writeText(location.href);
    byId('compare-copied').textContent = 'The link is copied.';
  } catch {
    field.hidden = false;
    field.select();
    byId('compare-copied').textContent = 'This is the link.';
  }
}

onReady(async () => {
  const panel = byId('compare-panel');
  if (!panel) return;
  const data = await unpack('pack-compare');
  const { glyphs } = data;
  const canvas = byId('compare-canvas');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const pickable = picking(canvas, byId('compare-readout'));
  let view = null;
  let width = 0;
  let printing = false;

  function draw() {
    if (!view) return;
    width = canvas.clientWidth;
    const ink = dark.matches && !printing ? INKS.dark : INKS.light;
    fillCurves(data, view, ink, glyphs);
    if (!view.curves.length) {
      canvas.replaceChildren();
      pickable(null);
      return;
    }
    const drawn = drawingOf(view, width, ink, glyphs);
    canvas.replaceChildren(drawn.drawing);
    pickable(drawn);
  }

  function show(choice) {
    setControls(choice);
    view = viewOf(data, choice);
    byId('compare-status').textContent = sayStatus(view, choice, data.words?.status);
    byId('compare-notes').textContent = view.curves.length ? sayNotes(view, data.words?.verdicts) : '';
    byId('compare-readout').textContent = '';
    for (const ending of ['svg', 'png', 'csv']) byId(`compare-${ending}`).disabled = !view.curves.length;
    fillNumbers(view);
    draw();
  }

  function choose(choice) {
    history.replaceState(history.state, '', compareAddress(choice));
    show(choice);
  }

  function follow() {
    if (!isCompareLink()) return;
    show(linkedChoice(data));
    byId('compare').scrollIntoView();
  }

  for (const edition of data.editions) {
    const link = make('a', { href: compareAddress({ ...firstChoice(data), task: [edition.key] }) }, 'Compare its curves with others');
    if (edition.card) byId(edition.card)?.querySelector('h3').after(make('p', { class: 'small to-compare' }, link));
  }
  panel.hidden = false;
  document.querySelector('#compare .no-script').hidden = true;
  panel.querySelector('.controls').addEventListener('change', () => choose(readControls()));
  for (const button of panel.querySelectorAll('button[data-all]')) {
    button.addEventListener('click', () => {
      const boxes = button.closest('fieldset').querySelectorAll('input');
      for (const box of boxes) box.checked = button.dataset.all === 'yes';
      choose(readControls());
    });
  }
  byId('compare-svg').addEventListener('click', () => download(comparisonFile(view, glyphs).text, 'ushaped-compare.svg', 'image/svg+xml'));
  byId('compare-csv').addEventListener('click', () => download(csvOf(view), 'ushaped-compare.csv', 'text/csv;charset=utf-8'));
  byId('compare-png').addEventListener('click', async () => {
    const file = comparisonFile(view, glyphs);
    download(await pngOf(file.text, file.width, file.height), 'ushaped-compare.png', 'image/png');
  });
  byId('compare-link').addEventListener('click', () => {
    if (!isCompareLink()) choose(readControls());
    copyAddress();
  });
  byId('compare-reset').addEventListener('click', () => choose(firstChoice(data)));
  dark.addEventListener('change', draw);
  addEventListener('hashchange', follow);
  addEventListener('beforeprint', () => {
    printing = true;
    draw();
  });
  addEventListener('afterprint', () => {
    printing = false;
    draw();
  });
  // Not within the observer's own turn, since drawing changes the sizes that it observes.
  new ResizeObserver(() => {
    requestAnimationFrame(() => {
      if (canvas.clientWidth && canvas.clientWidth !== width) draw();
    });
  }).observe(canvas);
  show(isCompareLink() ? linkedChoice(data) : firstChoice(data));
  follow();
});
