// Curves as small multiples in SVG: panels of one width, with labels beside their curves.

const INKS = {
  light: { dark: 0, ink: '#1b1f24', muted: '#56606d', grid: '#e4e7eb', paper: '#ffffff' },
  dark: { dark: 1, ink: '#e8eaed', muted: '#a7b0bc', grid: '#343b45', paper: '#171b21' },
};
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const TEXT = 12;
const LINE = 15;
// Two positions further apart than this many decades have a break of the axis between them.
const BREAK = 3;

// Markers in a box from -1 to 1, by the letters that name them in the figures.
const MARKERS = {
  o: 'M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z',
  s: 'M-.88-.88H.88V.88H-.88Z',
  '^': 'M0-1.1L1.05.8H-1.05Z',
  v: 'M0 1.1L1.05-.8H-1.05Z',
  '<': 'M-1.1 0L.8-1.05V1.05Z',
  '>': 'M1.1 0L-.8-1.05V1.05Z',
  D: 'M0-1.2L1.2 0L0 1.2L-1.2 0Z',
  d: 'M0-1.3L.8 0L0 1.3L-.8 0Z',
  p: 'M0-1.1L1.05-.34L.65.9H-.65L-1.05-.34Z',
  h: 'M0-1.1L.95-.55V.55L0 1.1L-.95.55V-.55Z',
  '*': 'M0-1.35L.33-.45L1.28-.42L.53.17L.79 1.09L0 .55L-.79 1.09L-.53.17L-1.28-.42L-.33-.45Z',
  P: 'M-.38-1.1H.38V-.38H1.1V.38H.38V1.1H-.38V.38H-1.1V-.38H-.38Z',
  X: 'M0-.5L.6-1.1L1.1-.6L.5 0L1.1.6L.6 1.1L0 .5L-.6 1.1L-1.1.6L-.5 0L-1.1-.6L-.6-1.1Z',
  x: 'M-1-1L1 1M-1 1L1-1',
  '+': 'M0-1.2V1.2M-1.2 0H1.2',
};
const OPEN_MARKERS = 'x+';

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** 1e12 as 10¹², 2e9 as 2×10⁹. */
function powerOfTen(value) {
  const exponent = Math.floor(Math.log10(value) + 1e-9);
  const power = `10${String(exponent).replace('-', '⁻').replace(/\d/g, (digit) => SUPERSCRIPTS[digit])}`;
  const leading = Number((value / 10 ** exponent).toPrecision(2));
  return leading === 1 ? power : `${leading}×${power}`;
}

/** A count with k, M, B or T. */
function metricPrefix(value) {
  for (const [unit, name] of [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'k']]) {
    if (value >= unit) return `${Number((value / unit).toPrecision(3))}${name}`;
  }
  return String(Number(value.toPrecision(3)));
}

/** Round numbers that cover a range, about `count` of them. */
function roundTicks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const ticks = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place += 1) {
    ticks.push(Number((place * step).toPrecision(12)));
  }
  return ticks;
}

/** Positions of ticks on a logarithmic axis: whole decades, or finer ones where it is short. */
function decadeTicks(low, high, most) {
  const [first, last] = [Math.ceil(low - 1e-9), Math.floor(high + 1e-9)];
  if (last - first >= 2) {
    const step = [1, 2, 3, 4, 5, 10, 20].find((size) => Math.floor((last - first) / size) < most) ?? 40;
    return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, place) => 10 ** (first + place * step));
  }
  const inside = (digits) =>
    [first - 1, first, first + 1]
      .flatMap((power) => digits.map((digit) => Number((digit * 10 ** power).toPrecision(2))))
      .filter((value) => Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9);
  return [inside([1, 2, 5]), inside([1, 3])].find((ticks) => ticks.length <= most) ?? inside([1]).slice(0, most);
}

/** Logarithms of positions, cut into pieces where BREAK decades or more hold none. */
function axisPieces(values) {
  const logs = [...new Set(values)].map(Math.log10).sort((a, b) => a - b);
  const pieces = [[logs[0], logs[0]]];
  for (const log of logs) {
    if (log - pieces.at(-1)[1] >= BREAK) pieces.push([log, log]);
    pieces.at(-1)[1] = log;
  }
  return pieces.map(([low, high]) => {
    const margin = Math.max(0.1, 0.04 * (high - low));
    return [low - margin, high + margin];
  });
}

/** A horizontal scale: where values stand, its ticks as [place, words], and its breaks. */
function horizontal(kind, values, left, width) {
  if (kind === 'relative') {
    const place = (value) => left + width * (0.04 + 0.92 * value);
    return { place, ticks: [[place(0), 'smallest'], [place(1), 'largest']], breaks: [] };
  }
  const pieces = axisPieces(values);
  const gap = 16;
  // Every piece gets some room of its own, so that a short one beside a long one can be read.
  const weights = pieces.map(([low, high]) => high - low + 1.5);
  const unit = (width - gap * (pieces.length - 1)) / weights.reduce((sum, weight) => sum + weight, 0);
  let start = left;
  const spans = pieces.map(([low, high], place) => {
    const span = { low, high, start, end: start + unit * weights[place] };
    start = span.end + gap;
    return span;
  });
  const place = (value) => {
    const log = Math.log10(value);
    const span = spans.find((one) => log <= one.high + 1e-9) ?? spans.at(-1);
    return span.start + ((span.end - span.start) * (log - span.low)) / (span.high - span.low);
  };
  const words = kind === 'parameters' ? metricPrefix : powerOfTen;
  const ticks = spans.flatMap(({ low, high, start: from, end }) =>
    decadeTicks(low, high, Math.max(1, Math.floor((end - from) / 46))).map((value) => [place(value), words(value)]),
  );
  return { place, ticks, breaks: spans.slice(1).map((span) => span.start - gap / 2) };
}

/** Limits of a vertical axis, whether it is logarithmic, and its ticks. */
function verticalRange(metric, curves) {
  const values = curves.flatMap((curve) =>
    [...curve.points.flatMap((point) => [point.value, point.low, point.high]), curve.chance].filter(Number.isFinite),
  );
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const positive = values.filter((value) => value > 0);
  if (metric.unit === 'small' && positive.length && Math.min(...positive) < 0.005) {
    const logs = [Math.log10(Math.max(Math.min(...positive), 1e-12)), Math.min(0, Math.log10(high))];
    return { log: true, low: logs[0] - 0.1, high: logs[1] + 0.1, ticks: decadeTicks(logs[0], logs[1], 5) };
  }
  if (metric.unit !== 'nats' && high - low > 0.45) [low, high] = [0, 1];
  if (high - low < 1e-9) [low, high] = [low - 0.05, high + 0.05];
  const margin = 0.04 * (high - low);
  return { log: false, low: low - margin, high: high + margin, ticks: roundTicks(low, high, 4) };
}

function sayTick(metric, value) {
  if (metric.unit === 'nats') return String(value).replace('-', '−');
  return value >= 1e-4 || value === 0 ? `${Number((100 * value).toPrecision(4))}%` : powerOfTen(value);
}

const ruler = make('canvas').getContext('2d');

function widthOf(text, size = TEXT, weight = 400) {
  ruler.font = `${weight} ${size}px ${FONT}`;
  return ruler.measureText(text).width;
}

/** Break words into lines of at most `width`; a word that is longer is cut. */
function wrapText(text, width, weight = 400) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (widthOf(longer, TEXT, weight) <= width) lines[lines.length - 1] = longer;
    else if (lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = word;
  }
  return lines.map((line) => {
    let cut = line;
    while (cut.length > 4 && widthOf(cut, TEXT, weight) > width) cut = `${cut.slice(0, -2)}…`;
    return cut;
  });
}

/** Shift centres of boxes, in order, such that none overlap and all stand between two limits. */
function spread(wanted, heights, low, high) {
  const order = wanted.map((_, place) => place).sort((a, b) => wanted[a] - wanted[b]);
  const found = [...wanted];
  let edge = low;
  for (const place of order) {
    found[place] = Math.max(wanted[place], edge + heights[place] / 2);
    edge = found[place] + heights[place] / 2;
  }
  edge = high;
  for (const place of order.reverse()) {
    found[place] = Math.min(found[place], edge - heights[place] / 2);
    edge = found[place] - heights[place] / 2;
  }
  return found;
}

/** A sample of a curve: its line and marker, at a place. */
function sampleOf(look, ink, x, y) {
  const group = makeSvg('g', { class: 'sample' });
  group.append(lineOf(look, ink, `M${x} ${y}h22`), markerOf(look, ink, x + 11, y, false));
  return group;
}

function lineOf(look, ink, d) {
  const line = makeSvg('path', { d, fill: 'none', stroke: look.colour[ink.dark], 'stroke-width': 1.9, 'stroke-linejoin': 'round' });
  if (look.dashes.length) line.setAttribute('stroke-dasharray', look.dashes.map((part) => (1.9 * part).toFixed(1)).join(' '));
  return line;
}

function markerOf(look, ink, x, y, hollow) {
  const colour = look.colour[ink.dark];
  const open = OPEN_MARKERS.includes(look.marker);
  return makeSvg('path', {
    d: MARKERS[look.marker] ?? MARKERS.o,
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(3.6)`,
    fill: open ? 'none' : hollow ? ink.paper : colour,
    stroke: open || hollow ? colour : ink.paper,
    'stroke-width': open || hollow ? 0.45 : 0.22,
  });
}

function textAt(words, x, y, colour, attributes = {}) {
  return makeSvg('text', { x: x.toFixed(1), y: y.toFixed(1), fill: colour, 'font-size': TEXT, ...attributes }, words);
}

/**
 * Draw panels of curves.
 *
 * `view` has `horizontal` (kind and words) and `panels`: title, subtitle, metric, and curves with
 * name, way, look, verdict, chance and points. Returns the drawing, and the place of every point on it.
 */
function drawCurves(view, width, ink, symbols) {
  const panels = view.panels;
  const most = width >= 1250 ? 3 : width >= 700 ? 2 : 1;
  const columns = Math.min(most, panels.length);
  const gutter = 26;
  const wide = (width - gutter * (columns - 1)) / columns;
  const drawing = makeSvg('svg', { xmlns: 'http://www.w3.org/2000/svg', 'font-family': FONT });
  const marks = [];
  const ranges = new Map();
  for (const { metric } of panels) {
    const curves = panels.filter((panel) => panel.metric === metric).flatMap((panel) => panel.curves);
    if (!ranges.has(metric)) ranges.set(metric, verticalRange(metric, curves));
  }
  const positions = panels.flatMap((panel) => panel.curves.flatMap((curve) => curve.points.map((point) => point.x)));
  let top = 0;
  for (let first = 0; first < panels.length; first += columns) {
    const row = panels.slice(first, first + columns);
    const plans = row.map((panel) => planPanel(panel, wide));
    const head = Math.max(...plans.map((plan) => plan.head));
    const body = Math.max(...plans.map((plan) => plan.body));
    const below = Math.max(...plans.map((plan) => plan.below));
    row.forEach((panel, place) => {
      const group = makeSvg('g', { transform: `translate(${(place * (wide + gutter)).toFixed(1)} ${top})` });
      const box = { wide, head, body, plan: plans[place], range: ranges.get(panel.metric), positions };
      const found = drawPanel(group, panel, view.horizontal, box, ink, symbols);
      marks.push(...found.map((mark) => ({ ...mark, x: mark.x + place * (wide + gutter), y: mark.y + top })));
      drawing.append(group);
    });
    top += head + body + below + 22;
  }
  const height = Math.ceil(top);
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) drawing.setAttribute(name, value);
  return { drawing, marks, width, height };
}

/** How much room the parts of a panel need: its head, its labels beside or below the curves. */
function planPanel(panel, wide) {
  const beside = wide >= 420;
  const needed = panel.curves.flatMap(({ name, way, verdict }) => [widthOf(name, TEXT, 600), widthOf(way), verdictWidth(verdict)]);
  const room = beside ? Math.min(0.42 * wide, Math.max(...needed) + 36) : wide;
  const labels = panel.curves.map(({ name, way, verdict }) => {
    const bold = name ? wrapText(name, room - 34, 600) : [];
    const plain = way ? wrapText(way, room - 34) : [];
    const count = bold.length + plain.length + (verdict ? 1 : 0);
    return { bold, plain, height: LINE * Math.max(1, count) + 5 };
  });
  const total = labels.reduce((sum, label) => sum + label.height, 0);
  const subtitle = wrapText(panel.subtitle, wide);
  const head = LINE * (1 + subtitle.length) + 12;
  const body = Math.max(wide > 700 ? 300 : 210, beside ? total + 4 : 0);
  return { beside, room, labels, subtitle, head, body, below: 40 + (beside ? 0 : total + 6) };
}

function drawPanel(group, panel, scale, box, ink, symbols) {
  const { wide, head, body, plan, range } = box;
  const metric = panel.metric;
  const ticks = range.ticks.map((value) => [value, sayTick(metric, value)]);
  const left = Math.max(...ticks.map(([, words]) => widthOf(words))) + 8;
  const right = plan.beside ? wide - plan.room - 8 : wide - 6;
  const across = horizontal(scale.kind, box.positions, left, right - left);
  const [low, high] = [range.low, range.high];
  const share = (value) => ((range.log ? Math.log10(Math.max(value, 1e-12)) : value) - low) / (high - low);
  const y = (value) => head + body * (metric.lower ? share(value) : 1 - share(value));

  group.append(textAt(panel.title, 0, LINE - 2, ink.ink, { 'font-weight': 700, 'font-size': TEXT + 1 }));
  plan.subtitle.forEach((line, place) => group.append(textAt(line, 0, LINE * (place + 2) - 2, ink.muted)));
  for (const [value, words] of ticks) {
    group.append(makeSvg('path', { d: `M${left} ${y(value).toFixed(1)}H${right}`, stroke: ink.grid, fill: 'none' }));
    group.append(textAt(words, left - 6, y(value) + 4, ink.muted, { 'text-anchor': 'end' }));
  }
  drawAxis(group, across, left, right, head + body, scale.words, ink);
  const levels = [...new Set(panel.curves.map((curve) => curve.chance).filter(Number.isFinite).map((value) => value.toFixed(3)))];
  for (const level of levels) {
    const at = y(Number(level)).toFixed(1);
    group.append(makeSvg('path', { d: `M${left} ${at}H${right}`, stroke: ink.muted, 'stroke-dasharray': '1.5 4', fill: 'none' }));
  }

  const few = panel.curves.length <= 4;
  const marks = [];
  for (const curve of panel.curves) {
    const node = makeSvg('g', { class: 'curve', 'data-of': `${curve.name}, ${curve.variantName}` });
    const placed = curve.points.map((point) => ({ point, curve, panel, node, x: across.place(point.x), y: y(point.value) }));
    if (few) node.append(bandOf(curve, placed, y, ink));
    node.append(...whiskersOf(curve, placed, y, ink));
    node.append(lineOf(curve.look, ink, placed.map((one, place) => `${place ? 'L' : 'M'}${one.x.toFixed(1)} ${one.y.toFixed(1)}`).join('')));
    node.append(...placed.map((one) => markerOf(curve.look, ink, one.x, one.y, one.point.hollow)));
    group.append(node);
    marks.push(...placed);
  }
  if (levels.length) group.append(guessing(y(Number(levels[0])), left, right, marks, ink));
  drawLabels(group, panel, marks, { ...box, right }, ink, symbols);
  return marks;
}

/** The name of the line of guessing, on the side of it where the fewest points are. */
function guessing(at, left, right, marks, ink) {
  const wide = widthOf('guessing', 11);
  const places = [right - wide - 2, left + 2, (left + right - wide) / 2].flatMap((x) => [[x, at - 4], [x, at + 11]]);
  const crowd = ([x, y]) => marks.filter((mark) => mark.x > x - 8 && mark.x < x + wide + 8 && mark.y > y - 18 && mark.y < y + 8).length;
  const [x, y] = places.reduce((best, place) => (crowd(place) < crowd(best) ? place : best));
  const halo = { stroke: ink.paper, 'stroke-width': 3, 'paint-order': 'stroke', 'stroke-linejoin': 'round' };
  return textAt('guessing', x, y, ink.muted, { 'font-size': 11, ...halo });
}

function drawAxis(group, across, left, right, bottom, words, ink) {
  group.append(makeSvg('path', { d: `M${left} ${bottom}H${right}`, stroke: ink.muted, fill: 'none' }));
  for (const at of across.breaks) {
    group.append(makeSvg('path', { d: `M${at - 5} ${bottom}h10`, stroke: ink.paper, 'stroke-width': 3, fill: 'none' }));
    group.append(makeSvg('path', { d: `M${at - 7} ${bottom + 5}l4-10M${at + 3} ${bottom + 5}l4-10`, stroke: ink.muted, fill: 'none' }));
  }
  let end = -Infinity;
  for (const [at, label] of across.ticks) {
    const half = widthOf(label) / 2;
    const middle = Math.min(Math.max(at, left + half - 8), right - half + 6);
    group.append(makeSvg('path', { d: `M${at.toFixed(1)} ${bottom}v4`, stroke: ink.muted, fill: 'none' }));
    if (middle - half > end + 6) {
      group.append(textAt(label, middle, bottom + 17, ink.muted, { 'text-anchor': 'middle' }));
      end = middle + half;
    }
  }
  group.append(textAt(words, (left + right) / 2, bottom + 33, ink.muted, { 'text-anchor': 'middle' }));
}

function bandOf(curve, placed, y, ink) {
  const known = placed.filter(({ point }) => point.low !== null && point.high !== null);
  const ends = (name) => known.map((one) => `${one.x.toFixed(1)} ${y(one.point[name]).toFixed(1)}`);
  const d = known.length > 1 ? `M${[...ends('high'), ...ends('low').reverse()].join('L')}Z` : 'M0 0';
  return makeSvg('path', { d, fill: curve.look.colour[ink.dark], 'fill-opacity': 0.13 });
}

function whiskersOf(curve, placed, y, ink) {
  return placed
    .filter(({ point }) => point.low !== null && point.high !== null)
    .map(({ x, point }) =>
      makeSvg('path', {
        d: `M${x.toFixed(1)} ${y(point.low).toFixed(1)}V${y(point.high).toFixed(1)}`,
        stroke: curve.look.colour[ink.dark],
        'stroke-width': 1.3,
        'stroke-opacity': 0.75,
        fill: 'none',
      }),
    );
}

/** Labels right of the curves, at the height at which these end, or below them where it is narrow. */
function drawLabels(group, panel, marks, box, ink, symbols) {
  const { plan, head, body, right, wide } = box;
  const lasts = panel.curves.map((curve) => marks.findLast((mark) => mark.curve === curve));
  const heights = plan.labels.map((label) => label.height);
  let centres;
  if (plan.beside) centres = spread(lasts.map((mark) => mark.y), heights, head - 4, head + body + 8);
  else centres = stacked(lasts.map((mark) => mark.y), heights, head + body + 46);
  const x = plan.beside ? wide - plan.room : 4;
  panel.curves.forEach((curve, place) => {
    const { bold, plain, height } = plan.labels[place];
    const top = centres[place] - height / 2;
    const last = lasts[place];
    if (plan.beside && right - last.x < 0.25 * right) {
      const d = `M${(last.x + 6).toFixed(1)} ${last.y.toFixed(1)}L${right - 2} ${last.y.toFixed(1)}L${x - 2} ${(top + LINE / 2 + 1).toFixed(1)}`;
      group.append(makeSvg('path', { d, stroke: curve.look.colour[ink.dark], 'stroke-opacity': 0.55, 'stroke-width': 0.9, fill: 'none' }));
    }
    group.append(sampleOf(curve.look, ink, x, top + LINE / 2 + 1));
    [...bold, ...plain].forEach((line, row) => {
      const weight = row < bold.length ? 600 : 400;
      group.append(textAt(line, x + 30, top + LINE * (row + 1) - 3, ink.ink, { 'font-weight': weight }));
    });
    if (curve.verdict) drawVerdict(group, curve.verdict, x + 30, top + LINE * (bold.length + plain.length), ink, symbols);
  });
}

/** Centres of boxes under each other, in the order of the heights at which curves end. */
function stacked(wanted, heights, top) {
  const order = wanted.map((_, place) => place).sort((a, b) => wanted[a] - wanted[b]);
  const found = [];
  let edge = top;
  for (const place of order) {
    found[place] = edge + heights[place] / 2;
    edge += heights[place];
  }
  return found;
}

/** The notes below the drawing say what the percentage is; a narrow panel has no room for it. */
function sayVerdict([shape, note]) {
  return note ? `${shape} (${note.replace(' of draws', '')})` : shape;
}

function verdictWidth(verdict) {
  return verdict ? 22 + widthOf(sayVerdict(verdict)) : 0;
}

function drawVerdict(group, verdict, x, top, ink, symbols) {
  const d = symbols[verdict[0]];
  if (d) {
    group.append(
      makeSvg('path', {
        d,
        transform: `translate(${x.toFixed(1)} ${(top + 2).toFixed(1)}) scale(.78)`,
        fill: 'none',
        stroke: ink.ink,
        'stroke-width': 2.2,
        'stroke-linecap': 'round',
        'stroke-linejoin': 'round',
      }),
    );
  }
  group.append(textAt(sayVerdict(verdict), x + (d ? 22 : 0), top + LINE - 3, ink.muted));
}
