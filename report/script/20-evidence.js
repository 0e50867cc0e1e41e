// The evidence on each curve: packed in the page, shown when its line is opened or linked to.

const EVIDENCE = 'evidence-';

/** Put the evidence into its place; the packed text is HTML of the page's own templates. */
async function fillEvidence(details) {
  if (details.dataset.filled !== undefined) return;
  const body = make('div');
  try {
    const bodies = await unpack('pack-evidence');
    if (details.dataset.filled !== undefined) return;
    body.innerHTML = bodies[details.id.slice(EVIDENCE.length)];
  } catch {
    body.textContent = 'This browser cannot unpack the evidence; it is in evidence.json beside this page.';
  }
  details.dataset.filled = '';
  details.append(body);
}

/** Open the element that the address names, and everything around it. */
async function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (!named) return;
  const closed = [];
  for (let one = named.closest('details'); one; one = one.parentElement.closest('details')) {
    if (!one.open) closed.push(one);
    one.open = true;
  }
  if (named.matches('details.evidence-of')) await fillEvidence(named);
  if (closed.length) named.scrollIntoView();
}

onReady(() => {
  for (const details of document.querySelectorAll('details.evidence-of')) {
    details.addEventListener('toggle', () => { if (details.open) fillEvidence(details); });
  }
  addEventListener('hashchange', openNamed);
  // A link to where the page already is changes no address.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.getAttribute('href') === location.hash) openNamed();
  });
  openNamed();
});
