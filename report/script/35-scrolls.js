// Boxes that scroll are reached by keyboard; the same boxes with all of their content in view are not.

onReady(() => {
  const watch = new ResizeObserver((changes) => {
    const boxes = changes.map(({ target }) => target);
    const scrolls = boxes.map((box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight);
    boxes.forEach((box, place) => {
      if (scrolls[place]) box.tabIndex = 0;
      else box.removeAttribute('tabindex');
    });
  });
  for (const box of document.querySelectorAll('.scroll, .canvas, pre[tabindex]')) watch.observe(box);
});
