// Figures as files: the SVG as it was drawn, a PNG drawn from it, and the numbers in it.

const PNG_SCALE = 3;

/** The SVG file behind an image of the page, without the colours that were added for a dark page. */
function svgFile(image) {
  const address = image.getAttribute('src');
  const text = decodeURIComponent(address.slice(address.indexOf(',') + 1));
  return text.replace(/<style id="dark">[^]*?<\/style>/, '');
}

async function figureFile(image, format, name) {
  if (format === 'csv') return [(await unpack('pack-files'))[name], 'text/csv'];
  const svg = svgFile(image);
  if (format === 'svg') return [svg, 'image/svg+xml'];
  const [width, height] = [image.getAttribute('width'), image.getAttribute('height')];
  return [await pngOf(svg, width, height, PNG_SCALE), 'image/png'];
}

onReady(() => {
  for (const place of document.querySelectorAll('figure .downloads[data-name]')) {
    const image = place.closest('figure').querySelector('img');
    const { name, csv } = place.dataset;
    place.append('Download:');
    for (const format of csv ? ['svg', 'png', 'csv'] : ['svg', 'png']) {
      const button = make('button', { type: 'button', 'data-format': format }, format.toUpperCase());
      button.setAttribute('aria-label', `Download ${name.replaceAll('-', ' ')} as ${format.toUpperCase()}`);
      button.addEventListener('click', async () => {
        const [content, type] = await figureFile(image, format, csv);
        download(content, `ushaped-${name}.${format}`, type);
      });
      place.append(' ', button);
    }
  }
  for (const button of document.querySelectorAll('button[data-file]')) {
    const name = button.dataset.file;
    button.addEventListener('click', async () => {
      download((await unpack('pack-files'))[name], `ushaped-${name}.csv`, 'text/csv');
    });
  }
});
