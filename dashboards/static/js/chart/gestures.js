// Zoom by drag, wheel and keys: + and - zoom, arrows move, 0 or Escape goes back. A finger moves the range.
const DRAG_PX = 6;
const WHEEL = 1.25;
const LEAST_MS = 60000;

export function gestures(chart, { ranged, back }) {
  const node = chart.svg;
  let from = null;
  const pixel = (event) => event.clientX - node.getBoundingClientRect().left;
  const zoom = (factor, at = (chart.start + chart.end) / 2) => {
    const length = Math.max(LEAST_MS, (chart.end - chart.start) * factor);
    const start = at - ((at - chart.start) / (chart.end - chart.start)) * length;
    ranged(Math.round(start), Math.round(start + length));
  };
  const kept = () => (chart.end >= Date.now() - LEAST_MS ? chart.end : undefined); // what ends now goes on ending now
  const move = (share) => {
    const by = (chart.end - chart.start) * share;
    ranged(Math.round(chart.start + by), Math.round(chart.end + by));
  };

  node.addEventListener("pointerdown", (event) => {
    if (event.button || !chart.series.length) return;
    from = { x: pixel(event), touch: event.pointerType === "touch" };
    if (!from.touch) node.setPointerCapture(event.pointerId);
  });
  node.addEventListener("pointermove", (event) => {
    chart.point(pixel(event));
    if (from && !from.touch && Math.abs(pixel(event) - from.x) > DRAG_PX) chart.span(from.x, pixel(event));
  });
  node.addEventListener("pointerup", (event) => {
    const to = pixel(event);
    chart.span(null);
    if (from && Math.abs(to - from.x) > DRAG_PX) {
      if (from.touch) move((from.x - to) / chart.width);
      else {
        const [a, b] = [chart.x.back(Math.min(from.x, to)), chart.x.back(Math.max(from.x, to))];
        if (b - a >= LEAST_MS) ranged(Math.round(Math.max(a, chart.start)), Math.round(Math.min(b, chart.end)));
      }
    }
    from = null;
  });
  node.addEventListener("pointercancel", () => {
    from = null;
    chart.span(null);
  });
  node.addEventListener("pointerleave", () => chart.point(null));
  node.addEventListener("dblclick", back);
  node.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== node) return; // the page scrolls until the chart was chosen
    event.preventDefault();
    zoom(event.deltaY > 0 ? WHEEL : 1 / WHEEL, chart.x.back(pixel(event)));
  }, { passive: false });
  node.addEventListener("keydown", (event) => {
    const act = { "+": () => zoom(0.5, kept()), "=": () => zoom(0.5, kept()), "-": () => zoom(2, kept()), ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25), 0: back, Escape: back }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
}
