// Items of a history as paths: where nothing was measured the line breaks.
const round = (pixel) => Math.round(pixel * 10) / 10;
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// Runs of items without a gap between them.
function runs(items) {
  const found = [];
  let run = null;
  for (const item of items) {
    if (!isNumber(item.value)) run = null;
    else if (run) run.push(item);
    else found.push((run = [item]));
  }
  return found;
}

// A step stands for its whole length, so its mean stands in its middle; a raw value holds until the next.
export function meanPath(items, x, y, { stepMs, endMs }) {
  const half = (stepMs ?? 0) / 2;
  return runs(items).map((run) => {
    if (stepMs) {
      return `M${run.map((item) => `${round(x(item.ts_ms + half))} ${round(y(item.value))}`).join("L")}`;
    }
    const steps = run.slice(1).map((item) => `H${round(x(item.ts_ms))}V${round(y(item.value))}`);
    const after = items[items.indexOf(run.at(-1)) + 1]?.ts_ms ?? endMs;
    return `M${round(x(run[0].ts_ms))} ${round(y(run[0].value))}${steps.join("")}H${round(x(after))}`;
  }).join("");
}

// A step alone between two gaps has no line: a point.
export const pointPath = (items, x, y, { stepMs }) =>
  (stepMs ? runs(items).filter((run) => run.length === 1) : []).map(([item]) => `M${round(x(item.ts_ms + stepMs / 2))} ${round(y(item.value))}h.01`).join("");

export function bandPath(items, x, y, { stepMs }) {
  const half = (stepMs ?? 0) / 2;
  return runs(items.map((item) => (isNumber(item.min) && isNumber(item.max) ? item : { ...item, value: null })))
    .filter((run) => run.length > 1)
    .map((run) => {
      const top = run.map((item) => `${round(x(item.ts_ms + half))} ${round(y(item.max))}`);
      const bottom = run.map((item) => `${round(x(item.ts_ms + half))} ${round(y(item.min))}`).reverse();
      return `M${top.join("L")}L${bottom.join("L")}Z`;
    }).join("");
}

// Neighbours of one state as one stretch; unknown is no stretch.
export function stretches(items, { stepMs, endMs }) {
  const found = [];
  items.forEach((item, i) => {
    const value = item.value === null ? null : (item.last ?? item.value);
    const to = Math.min(endMs, items[i + 1]?.ts_ms ?? (stepMs ? item.ts_ms + stepMs : endMs));
    if (value === null) return;
    const last = found.at(-1);
    if (last && last.value === value && last.to >= item.ts_ms) last.to = to;
    else found.push({ value, from: item.ts_ms, to });
  });
  return found;
}

// The item whose time holds this moment.
export function itemAt(items, ms, stepMs) {
  let [low, high] = [0, items.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (items[middle].ts_ms <= ms) low = middle;
    else high = middle - 1;
  }
  const item = items[low];
  return item && item.ts_ms <= ms && (!stepMs || ms < item.ts_ms + stepMs) ? item : null;
}
