// The filter of the task cards: by name, and by the verdict on one family under one prompt variant.

function filterSelect(id, words, options) {
  const select = make('select', { id });
  select.append(...options.map(([value, text]) => make('option', { value }, text)));
  return make('span', {}, make('label', { for: id }, words), ' ', select);
}

/** The controls, which make no sense without this script. */
function filterControls(data) {
  const families = data.families.map((name) => [name, name]);
  const theirs = data.published.map((name) => [`published:${name}`, `${name}, published`]);
  const field = make('input', { type: 'text', id: 'filter-name', autocomplete: 'off' });
  const shapes = data.shapes.map((shape) => [shape, shape]);
  const rules = Object.entries(data.rules);
  const variants = data.variants.map(([variant, protocol]) => [variant, `${variant} (${protocol})`]);
  const status = make('output', { id: 'filter-status', 'aria-live': 'polite' });
  const reset = make('button', { type: 'button', id: 'filter-reset' }, 'show all');
  return make(
    'div',
    { id: 'task-filter', class: 'controls', role: 'search', 'aria-label': 'Tasks' },
    make(
      'div',
      { class: 'choices' },
      make('span', {}, make('label', { for: 'filter-name' }, 'Name'), ' ', field),
      filterSelect('filter-verdict', 'Verdict', [['', 'any'], ...shapes]),
      filterSelect('filter-family', 'of', [['', 'any family run here'], ...families, ...theirs]),
      filterSelect('filter-variant', 'under', variants),
      filterSelect('filter-rule', 'by the', rules),
      status,
      reset,
    ),
  );
}

/** Whether the verdict chosen is among those on a row of the matrix. */
function hasVerdict(row, { verdict, family, variant, rule }) {
  if (!verdict) return true;
  const theirs = family.startsWith('published:') ? row.published[family.slice('published:'.length)] : null;
  const ours = family ? [row.cells[family]?.[variant]] : Object.values(row.cells).map((cells) => cells[variant]);
  return [theirs, ...ours].some((cell) => cell?.[rule][0] === verdict);
}

onReady(async () => {
  const section = document.getElementById('tasks');
  if (!section || !document.getElementById('pack-matrix')) return;
  const data = await unpack('pack-matrix');
  const cards = [...section.querySelectorAll('article')];
  if (!cards.length) return;
  cards[0].before(filterControls(data));
  const value = (name) => document.getElementById(`filter-${name}`).value;
  document.getElementById('filter-variant').value = data.variant;
  const rows = new Map(data.rows.map((row) => [row.card, row]));

  function apply() {
    const words = value('name').trim().toLowerCase();
    const chosen = Object.fromEntries(['verdict', 'family', 'variant', 'rule'].map((name) => [name, value(name)]));
    for (const card of cards) {
      const named = card.querySelector('h3').textContent.toLowerCase().includes(words);
      const row = rows.get(card.id);
      card.hidden = !(named && (row ? hasVerdict(row, chosen) : !chosen.verdict));
    }
    const shown = cards.filter((card) => !card.hidden).length;
    const tasks = `${cards.length} task${cards.length === 1 ? '' : 's'}`;
    document.getElementById('filter-status').textContent = shown ? `${shown} of ${tasks} shown` : `Nothing matches: none of ${tasks} shown`;
    document.getElementById('filter-reset').hidden = shown === cards.length;
  }

  function reset() {
    document.getElementById('filter-name').value = '';
    document.getElementById('filter-verdict').value = '';
    apply();
  }

  /** A link to a card that the filter hides, or to something on it, shows all cards. */
  function reveal(hash) {
    const target = document.getElementById(hash.slice(1));
    const hides = Boolean(target?.closest('article')?.hidden);
    if (hides) reset();
    return hides ? target : null;
  }

  section.querySelector('#task-filter').addEventListener('input', apply);
  document.getElementById('filter-reset').addEventListener('click', () => {
    reset();
    document.getElementById('filter-name').focus();
  });
  // Before the browser goes there: to what is hidden it cannot.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link) reveal(link.hash);
  });
  addEventListener('hashchange', () => reveal(location.hash)?.scrollIntoView());
  apply();
});
