// A line of the recent hour. Minutes without a value are gaps, and a flat hour looks flat.
const WIDTH = 100;
const HEIGHT = 36;
const LEAST_MINUTES = 15;

export function drawSpark({ svg, dot }, history, least) {
  const hour = Array.isArray(history) ? history : [];
  const begun = hour.findIndex((value) => typeof value === "number");
  // a hub that has just started has no hour yet: what there is may take more of the width, but never all of it at once
  const values = begun < 0 ? [] : hour.slice(Math.max(0, Math.min(begun, hour.length - LEAST_MINUTES)));
  const key = `${least}|${values.join()}`;
  if (svg.dataset.key === key) return;
  svg.dataset.key = key;
  const known = values.filter((value) => typeof value === "number");
  const [area, line] = svg.children;
  if (known.length < 2) {
    area.removeAttribute("d");
    line.removeAttribute("d");
    dot.hidden = true;
    return;
  }
  const low = Math.min(...known);
  const high = Math.max(...known);
  const span = Math.max(high - low, least, 1e-9);
  const middle = (high + low) / 2;
  const x = (i) => (i / (values.length - 1)) * WIDTH;
  const y = (value) => HEIGHT / 2 - ((value - middle) / span) * HEIGHT * 0.8;
  let path = "";
  let fill = "";
  let start = null;
  values.forEach((value, i) => {
    const gap = typeof value !== "number";
    if (!gap) {
      const step = `${start === null ? "M" : "L"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
      path += step;
      fill += start === null ? `M${x(i).toFixed(1)} ${HEIGHT + 2}${step.replace("M", "L")}` : step;
      start ??= i;
    }
    if (start !== null && (gap || i === values.length - 1)) {
      fill += `L${x(gap ? i - 1 : i).toFixed(1)} ${HEIGHT + 2}Z`;
      start = null;
    }
  });
  line.setAttribute("d", path);
  area.setAttribute("d", fill);
  const last = values.at(-1);
  dot.hidden = typeof last !== "number";
  if (!dot.hidden) {
    const box = getComputedStyle(svg);
    dot.style.right = box.right;
    dot.style.top = `calc(${box.top} + ${box.height} * ${(y(last) / HEIGHT).toFixed(3)})`;
  }
}
