// What all other parts share. The files of this folder become one script, in the order of their
// names, inside one function; what one file declares, those after it can use.

/** Call `start` once the whole page is there. */
function onReady(start) {
  document.addEventListener('DOMContentLoaded', start);
}

/** The value of a data block of the page, <script type="application/json" id=…>; null if there is none. */
function dataBlock(id) {
  const block = document.getElementById(id);
  return block ? JSON.parse(block.textContent) : null;
}

const unpacked = new Map();

/**
 * The value of a packed block of the page, <script type="text/plain" id=…>: JSON, deflated, in
 * base64. It is unpacked once. Rejects where there is none, or the browser cannot inflate.
 */
function unpack(id) {
  if (!unpacked.has(id)) unpacked.set(id, inflate(id));
  return unpacked.get(id);
}

async function inflate(id) {
  const block = document.getElementById(id);
  if (!block) throw new Error(`no block ${id}`);
  const bytes = Uint8Array.from(atob(block.textContent.trim()), (letter) => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return JSON.parse(await new Response(plain).text());
}

/** Make an element with attributes; children are elements or texts. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Make an element of an SVG drawing. */
function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Hand a Blob, or a text, to the reader as a file. */
function download(content, name, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = make('a', { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads the address after this call.
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/**
 * Draw the text of an SVG file on white as a PNG, `scale` times as large as its width and height.
 * @returns {Promise<Blob>}
 */
async function pngOf(svg, width, height, scale = 2) {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = make('canvas', { width: Math.round(width * scale), height: Math.round(height * scale) });
  const pen = canvas.getContext('2d');
  pen.fillStyle = '#ffffff';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, 'image/png'));
}

onReady(() => document.documentElement.classList.add('with-script'));
