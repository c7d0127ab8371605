// A page outlives many releases of the hub: when the hub's version changes, the page fetches itself anew.
const SPREAD_MS = 2000;
const LEAST_BETWEEN_MS = 30000;
const KEY = "renewed_ms";

let first;
let renewing = false;

export function sawVersion(version) {
  if (!version) return;
  first ??= version;
  if (version === first || renewing) return;
  renewing = true;
  // many screens ask one hub: spread them; and two hubs of different versions must not make a page flicker
  const rest = Math.max(0, LEAST_BETWEEN_MS - (Date.now() - Number(sessionStorage.getItem(KEY) ?? 0)));
  setTimeout(renew, rest + Math.random() * SPREAD_MS);
}

async function renew() {
  try {
    // never leave for a page that does not answer: a kiosk has nobody to press reload
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    sessionStorage.setItem(KEY, String(Date.now()));
    location.reload();
  } catch {
    setTimeout(renew, SPREAD_MS + Math.random() * SPREAD_MS);
  }
}
