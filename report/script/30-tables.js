// Tables that sort: each heading becomes a button; groups of rows stay apart, averages stay last.

const UNITS = { k: 1e3, M: 1e6, B: 1e9, T: 1e12 };
const EXPONENT_DIGITS = '⁰¹²³⁴⁵⁶⁷⁸⁹';
const NUMBER = /^[<>≥≤~]?\s*([+-]?[\d,]*\.?\d+)(?:\s*×\s*10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?\s*([kMBT])?%?(?:\s*(?:MiB|nats|points))?$/;
const NOTHING = new Set(['', 'nan', '–', '-', '·', 'unknown', 'none']);

/** What a cell is sorted by: its data-value, or its text without what stands below. */
function cellText(cell) {
  if (cell.dataset.value !== undefined) return cell.dataset.value;
  const copy = cell.cloneNode(true);
  for (const below of copy.querySelectorAll('i, .interval, .under, .permalink')) below.remove();
  return copy.textContent.replace(/\s+/g, ' ').trim();
}

/** A text as a number; NaN if it is none. */
function asNumber(text) {
  const found = NUMBER.exec(text.replaceAll('−', '-'));
  if (!found) return Number(text === '' ? NaN : text);
  const power = [...(found[2] || '')].map((sign) => (sign === '⁻' ? '-' : EXPONENT_DIGITS.indexOf(sign))).join('');
  return Number(found[1].replaceAll(',', '')) * 10 ** Number(power) * (UNITS[found[3]] || 1);
}

/** Compare two texts, numbers as numbers; what is not known comes last either way. */
function compareTexts(one, other, direction) {
  const missing = NOTHING.has(one) - NOTHING.has(other);
  if (missing || (NOTHING.has(one) && NOTHING.has(other))) return missing;
  const [first, second] = [asNumber(one), asNumber(other)];
  if (Number.isNaN(first) || Number.isNaN(second)) {
    return direction * one.localeCompare(other, 'en', { numeric: true });
  }
  return direction * (first - second);
}

const firstOrder = new WeakMap();

function sortBody(body, column, direction) {
  if (!firstOrder.has(body)) firstOrder.set(body, [...body.rows]);
  const fixed = (row) => (row.querySelector('th.group') ? -1 : row.matches('.average') ? 1 : 0);
  const keyed = firstOrder.get(body).map((row) => {
    const cell = row.cells[column];
    return { row, place: fixed(row), text: cell && !fixed(row) ? cellText(cell) : '' };
  });
  if (direction) {
    keyed.sort((a, b) => a.place - b.place || compareTexts(a.text, b.text, direction));
  }
  body.append(...keyed.map((one) => one.row));
}

/** Sort by a column: upwards, downwards, and then as it was. */
function sortBy(table, heading) {
  const next = { none: 'ascending', ascending: 'descending', descending: 'none' };
  const order = next[heading.getAttribute('aria-sort') || 'none'];
  for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
  if (order !== 'none') heading.setAttribute('aria-sort', order);
  const direction = { none: 0, ascending: 1, descending: -1 }[order];
  for (const body of table.tBodies) sortBody(body, heading.cellIndex, direction);
}

function makeSortable(table) {
  for (const heading of table.tHead.rows[0].cells) {
    if (!heading.textContent.trim()) continue;
    const button = make('button', { type: 'button', class: 'sort' }, ...heading.childNodes);
    button.addEventListener('click', () => sortBy(table, heading));
    heading.append(button);
  }
}

onReady(() => document.querySelectorAll('table.sortable').forEach(makeSortable));
