// The table of all curves of the atlas: what is chosen, the rows, their file, and the link to them.

const ATLAS = '#curves?';
const ATLAS_CHOICES = { set: 'Set', metric: 'Metric', axis: 'Over', corpus: 'Corpus', fixed: 'Held fixed', statistical: 'Verdict', confirmed: 'Confirmed' };
const ATLAS_ROWS = 200;

/** The rows as objects, by the names of their columns. */
function atlasRows({ columns, rows }) {
  return rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]])));
}

/** Where the comparison draws a curve; "" where it does not. */
function drawnAt(row) {
  if (row.axis === 'validation-loss') return '';
  const scale = row.axis === 'parameters' ? 'parameters' : 'training_flops';
  const choice = { task: `${row.task}@${row.set}`, family: `${row.set}:${row.corpus}`, variant: row.fixed, metric: row.metric, scale, layout: 'task' };
  return `#compare?${new URLSearchParams(choice)}`;
}

function atlasNumber(value, metric) {
  if (value === null) return '–';
  return metric === 'accuracy' || metric === 'probability' ? `${(100 * value).toFixed(1)}%` : value.toFixed(3);
}

/** One row of the table: what the curve is of, and its verdict. */
function atlasLine(data, glyphs, row) {
  const task = make('th', { scope: 'row' });
  const link = drawnAt(row);
  task.append(link ? make('a', { href: link }, row.task) : row.task, make('span', { class: 'under' }, data.titles[row.set]));
  const verdict = make('td', {}, verdictMark(glyphs, row.statistical, 'none'));
  if (row.q !== null) verdict.append(make('span', { class: 'under' }, `q = ${row.q < 0.001 ? '< 0.001' : row.q.toPrecision(2)}${row.confirmed === 'yes' ? ', confirmed' : ''}`));
  const noise = make('td', {}, row.these_models || '–');
  if (row.tipping_point !== null) noise.append(make('span', { class: 'under' }, `up to ± ${(100 * row.tipping_point).toFixed(1)} points`));
  const ends = [row.first, row.lowest, row.last].map((value) => make('td', { class: 'right' }, atlasNumber(value, row.metric)));
  const fixed = make('td', {}, data.axes[row.axis], make('span', { class: 'under' }, row.fixed));
  const measured = make('td', {}, row.protocol, make('span', { class: 'under' }, [row.modified, row.commit.slice(0, 7)].filter(Boolean).join(', ')));
  return make('tr', {}, task, make('td', {}, row.corpus), make('td', {}, row.metric), fixed, make('td', { class: 'right' }, String(row.points)), verdict, noise, ...ends, measured, make('td', { class: 'wide' }, row.flags.split(';').join(', ')));
}

function atlasCsv(columns, rows) {
  const cell = (value) => (/[",\r\n]/.test(String(value ?? '')) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? ''));
  return `${[columns, ...rows.map((row) => columns.map((name) => row[name]))].map((line) => line.map(cell).join(',')).join('\n')}\n`;
}

onReady(async () => {
  const panel = document.getElementById('atlas-panel');
  if (!panel) return;
  const data = await unpack('pack-atlas');
  const { glyphs } = await unpack('pack-compare');
  const rows = atlasRows(data);
  const words = { set: (name) => data.titles[name], axis: (name) => data.axes[name] };
  const fields = { task: make('input', { type: 'text', id: 'atlas-task', autocomplete: 'off' }) };
  const choices = panel.querySelector('.choices');
  choices.append(make('span', {}, make('label', { for: 'atlas-task' }, 'Task'), ' ', fields.task));
  for (const [name, title] of Object.entries(ATLAS_CHOICES)) {
    const values = [...new Set(rows.map((row) => row[name]))].filter(Boolean).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    const select = make('select', { id: `atlas-${name}` }, make('option', { value: '' }, 'any'));
    select.append(...values.map((value) => make('option', { value }, words[name]?.(value) ?? value)));
    fields[name] = select;
    choices.append(make('span', {}, make('label', { for: `atlas-${name}` }, title), ' ', select));
  }
  let chosen = rows;

  function apply() {
    const text = fields.task.value.trim().toLowerCase();
    chosen = rows.filter((row) => row.task.toLowerCase().includes(text) && Object.keys(ATLAS_CHOICES).every((name) => !fields[name].value || row[name] === fields[name].value));
    const table = document.getElementById('atlas-table');
    const head = ['Task', 'Corpus', 'Metric', 'Over', 'Points', 'Verdict', 'These models', 'First', 'Worst', 'Last', 'Protocol', 'Flags'];
    table.replaceChildren(make('thead', {}, make('tr', {}, ...head.map((title) => make('th', { scope: 'col' }, title)))));
    table.append(make('tbody', {}, ...chosen.slice(0, ATLAS_ROWS).map((row) => atlasLine(data, glyphs, row))));
    makeSortable(table);
    const more = chosen.length > ATLAS_ROWS ? `, the first ${ATLAS_ROWS} of them below` : '';
    document.getElementById('atlas-status').textContent = `${chosen.length.toLocaleString('en')} of ${rows.length.toLocaleString('en')} curves${more}.`;
    document.getElementById('atlas-csv').disabled = !chosen.length;
  }

  function address() {
    const given = Object.entries(fields).filter(([, field]) => field.value);
    return ATLAS + new URLSearchParams(given.map(([name, field]) => [name, field.value]));
  }

  function follow() {
    if (!location.hash.startsWith(ATLAS)) return;
    const given = new URLSearchParams(location.hash.slice(ATLAS.length));
    for (const [name, field] of Object.entries(fields)) field.value = given.get(name) ?? '';
    apply();
    document.getElementById('curves').scrollIntoView();
  }

  panel.hidden = false;
  document.querySelector('#curves .no-script').hidden = true;
  document.getElementById('atlas-filter').addEventListener('input', () => {
    history.replaceState(history.state, '', address());
    apply();
  });
  document.getElementById('atlas-reset').addEventListener('click', () => {
    for (const field of Object.values(fields)) field.value = '';
    apply();
  });
  document.getElementById('atlas-csv').addEventListener('click', () => download(atlasCsv(data.columns, chosen), 'ushaped-atlas.csv', 'text/csv;charset=utf-8'));
  document.getElementById('atlas-link').addEventListener('click', async () => {
    const field = document.getElementById('atlas-address');
    history.replaceState(history.state, '', address());
    field.value = location.href;
    try {
      await navigator.clipboard.writeText(location.href);
      document.getElementById('atlas-copied').textContent = 'The link is copied.';
    } catch {
      field.hidden = false;
      field.select();
      document.getElementById('atlas-copied').textContent = 'This is the link.';
    }
  });
  addEventListener('hashchange', follow);
  apply();
  follow();
});
