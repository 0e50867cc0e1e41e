// The evidence on each curve: packed in the page, shown where its line is opened or followed to.

const PROOF = 'evidence-';

/** Put the evidence into its place; the packed text is HTML of the page's own templates. */
async function fillProof(details) {
  if (details.dataset.filled !== undefined) return;
  const body = make('div');
  try {
    const bodies = await unpack('pack-evidence');
    if (details.dataset.filled !== undefined) return;
    body.innerHTML = bodies[details.id.slice(PROOF.length)];
  } catch {
    body.textContent = 'This browser cannot unpack what stands here; it stands in evidence.json beside this page.';
  }
  details.dataset.filled = '';
  details.append(body);
}

/** Open what the address of the page names, and everything that it stands in. */
async function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (!named) return;
  const closed = [];
  for (let one = named.closest('details'); one; one = one.parentElement.closest('details')) {
    if (!one.open) closed.push(one);
    one.open = true;
  }
  if (named.matches('details.proof-of')) await fillProof(named);
  if (closed.length) named.scrollIntoView();
}

onReady(() => {
  for (const details of document.querySelectorAll('details.proof-of')) {
    details.addEventListener('toggle', () => { if (details.open) fillProof(details); });
  }
  addEventListener('hashchange', openNamed);
  // A link to where the page already is changes no address.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.getAttribute('href') === location.hash) openNamed();
  });
  openNamed();
});
