// From moments and values to pixels, and where the lines of the grid stand.
import { TIME_ZONE, locale, minuteTime } from "../words.js";

const ZONE_MS = 7 * 3600000; // Asia/Ho_Chi_Minh has had no summer time since 1975: a fixed offset is exact here
const MINUTE = 60000;
const [HOUR, DAY] = [60 * MINUTE, 24 * 60 * MINUTE];
const STEPS = [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 91 * DAY, 365 * DAY];

const day = new Intl.DateTimeFormat(locale, { timeZone: TIME_ZONE, day: "2-digit", month: "2-digit" });
const full = new Intl.DateTimeFormat(locale, { timeZone: TIME_ZONE, weekday: "short", day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export const momentText = (ms) => full.format(ms);

// What the fields for a free range take: local time without a zone.
export const fieldText = (ms) => new Date(ms + ZONE_MS).toISOString().slice(0, 16);
export const fieldMs = (said) => Date.parse(`${said}:00+07:00`);

export function scale(from, to, start, end) {
  const factor = (end - start) / (to - from || 1);
  const at = (value) => start + (value - from) * factor;
  at.back = (pixel) => from + (pixel - start) / factor;
  return at;
}

// Moments that are round in local time, about one each `gap` pixels; a day's beginning is named by its date.
export function timeTicks(from, to, width, gap = 90) {
  const wanted = ((to - from) / Math.max(1, width)) * gap;
  const step = STEPS.find((one) => one >= wanted) ?? STEPS.at(-1);
  const ticks = [];
  for (let ms = Math.ceil((from + ZONE_MS) / step) * step - ZONE_MS; ms <= to; ms += step) {
    const midnight = (ms + ZONE_MS) % DAY === 0;
    ticks.push({ ms, label: midnight ? day.format(ms) : minuteTime(ms), strong: midnight && step < DAY });
  }
  return ticks;
}

export function valueTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= raw) * power;
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) ticks.push(Math.abs(value) < step * 1e-6 ? 0 : value);
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9) + (step / power === 2.5 ? 1 : 0)));
  return { ticks, digits };
}

// The values shown, with room above and below; a limit that is near belongs to the picture.
export function extent(items, limits) {
  let [low, high] = [Infinity, -Infinity];
  for (const { value, min, max } of items)
    if (value !== null) {
      low = Math.min(low, min ?? value);
      high = Math.max(high, max ?? value);
    }
  if (low > high) return null;
  const room = (high - low || Math.abs(high) || 1) * 0.6;
  for (const { at } of limits) if (at > low - room && at < high + room) [low, high] = [Math.min(low, at), Math.max(high, at)];
  const edge = (high - low || Math.abs(high) * 0.1 || 1) * 0.08;
  return [low >= 0 ? Math.max(0, low - edge) : low - edge, high + edge];
}
