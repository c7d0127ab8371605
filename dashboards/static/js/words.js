// Words and numbers of the page's language. Message ids are English; the catalogue is in the page.
const catalogue = JSON.parse(document.getElementById("catalogue")?.textContent ?? '{"language":"vi","messages":{}}');

export const language = catalogue.language;
export const locale = language === "vi" ? "vi-VN" : "en-GB";
export const TIME_ZONE = "Asia/Ho_Chi_Minh";
export const NOTHING = "–";

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

export function t(message, values = {}) {
  const said = catalogue.messages[message];
  return fill(typeof said === "string" ? said : message, values);
}

export function nt(one, many, count, values = {}) {
  const said = catalogue.messages[one];
  const form = Array.isArray(said) ? said[count === 1 ? 0 : said.length - 1] : count === 1 ? one : many;
  return fill(form, { n: number(count), ...values });
}

const formats = new Map();
function format(digits) {
  if (!formats.has(digits))
    formats.set(digits, new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  return formats.get(digits);
}

const known = (value) => typeof value === "number" && Number.isFinite(value);

export const number = (value, digits = 0) => (known(value) ? format(digits).format(value) : NOTHING);

// A share that is not quite whole never reads "100%", nor one above zero "0%".
export function percent(part, whole, digits = 1) {
  if (!known(part) || !known(whole) || whole <= 0) return NOTHING;
  const share = (100 * part) / whole;
  const step = 10 ** -digits;
  const shown = share < 100 && share > 100 - step ? 100 - step : share > 0 && share < step ? step : share;
  return `${number(shown, shown === 100 ? 0 : digits)}%`;
}

// kbit/s as [number, unit], three significant digits.
export function rate(kbps) {
  if (!known(kbps)) return [NOTHING, ""];
  const [value, unit] = kbps >= 1e6 ? [kbps / 1e6, "Gb/s"] : kbps >= 1e3 ? [kbps / 1e3, "Mb/s"] : [kbps, "kb/s"];
  return [number(value, value >= 100 || unit === "kb/s" ? 0 : value >= 10 ? 1 : 2), unit];
}

export const rateText = (kbps) => rate(kbps).join(" ").trim();

// Capacities are round numbers: no digits that nobody measured.
export function capacityText(kbps) {
  if (!known(kbps) || kbps <= 0) return "";
  const [value, unit] = kbps >= 1e6 ? [kbps / 1e6, "Gb/s"] : [kbps / 1e3, "Mb/s"];
  return `${number(value, Number.isInteger(value) ? 0 : 1)} ${unit}`;
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { timeZone: TIME_ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(locale, { timeZone: TIME_ZONE, weekday: "long", day: "2-digit", month: "2-digit", year: "numeric" });
const isoDay = new Intl.DateTimeFormat("sv-SE", { timeZone: TIME_ZONE });
const shortDay = new Intl.DateTimeFormat(locale, { timeZone: TIME_ZONE, day: "2-digit", month: "2-digit" });

export const clockTime = (ms) => clockFormat.format(ms);
export const minuteTime = (ms) => clockFormat.format(ms).slice(0, 5);
export const longDate = (ms) => dayFormat.format(ms);

// Today as a time, before today as a date and a time.
export const moment = (ms, nowMs) =>
  isoDay.format(ms) === isoDay.format(nowMs) ? clockTime(ms) : `${shortDay.format(ms)} ${minuteTime(ms)}`;

export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return t("{n} s", { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("{n} min", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return t("{h} h {m}", { h: hours, m: String(minutes % 60).padStart(2, "0") });
  return t("{n} d", { n: Math.floor(hours / 24) });
}

export function stopwatch(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((n) => String(n).padStart(2, "0"));
  return h === "00" ? `${m}:${s}` : `${h}:${m}:${s}`;
}

// What a thing is called in this language, from `name_vi` and `name_en`.
export const said = (thing, field) => thing[`${field}_${language}`] || thing[`${field}_vi`] || thing[`${field}_en`] || "";
