// The hub's public API as this page's visitor. Refusals are problem documents and become Problem.
// What they say is in the page's language: it is asked for.
import { language, t } from "../words.js";

export const sentence = (words) => words.charAt(0).toLocaleUpperCase() + words.slice(1);

// What is wrong and what to do; advice to programs is none for people.
export const wordsOf = (fault) => sentence([fault.detail || fault.title, fault.fix?.includes("/api/v1/") ? "" : fault.fix].filter(Boolean).join(" – "));

export class Problem extends Error {
  constructor(status, document) {
    super(wordsOf(document) || t("The hub did not answer."));
    this.status = status;
    this.document = document;
  }
}

export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method, credentials: "same-origin", cache: "no-store",
      headers: { Accept: "application/json", "Accept-Language": language, "X-Requested-With": "hub", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Problem(0, {});
  }
  const text = await answer.text();
  let said = {};
  try {
    said = text ? JSON.parse(text) : {};
  } catch {
    said = {};
  }
  if (!answer.ok) throw new Problem(answer.status, said);
  return said;
}

export const get = (path, query = {}) => {
  const wanted = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  return call("GET", wanted.size ? `${path}?${wanted}` : path);
};

export const post = (path, body) => call("POST", path, body);

// An address of the API or of a page: names may hold anything.
export const at = (base, ...names) => [base, ...names.map(encodeURIComponent)].join("/");

// From the bare address one is led to the page of one's work.
export const signInAddress = () => (location.pathname === "/" ? "/login" : `/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);

const RETRY_MS = 3000;

// Who is looking; a page for people sends strangers (and wall screens) to sign in, and waits for a hub that is away.
export async function visitor(waiting) {
  for (;;) {
    try {
      const who = await get("/api/v1/session");
      if (!who.must_change_password) return who;
      location.replace(signInAddress()); // where a temporary password is changed
      return new Promise(() => {});
    } catch (problem) {
      if (problem.status === 401 || problem.status === 403) {
        location.replace(signInAddress());
        return new Promise(() => {}); // nothing more happens on this page
      }
      waiting(problem);
      await new Promise((resume) => setTimeout(resume, RETRY_MS + Math.random() * RETRY_MS));
    }
  }
}

// On a telephone everything of the bar that leads elsewhere stands in one menu.
function narrowed(more) {
  const [bar, places, language, leave] = [".bar", ".places", "a.language", "#sign-out"].map((one) => document.querySelector(one));
  if (!more || !places) return;
  const links = [...places.children];
  const [summary, menu, narrow] = [more.querySelector("summary"), more.querySelector("nav"), matchMedia("(max-width: 900px)")];
  const usual = summary.textContent;
  const settle = () => {
    if (narrow.matches) menu.prepend(...links);
    else places.replaceChildren(...links);
    (narrow.matches ? menu : bar).append(language, leave);
    summary.textContent = narrow.matches ? t("Menu") : usual;
  };
  settle();
  narrow.addEventListener("change", settle);
}

export function greet(who) {
  document.getElementById("who").textContent = who.name;
  for (const place of document.querySelectorAll(".places [data-needs], .more-places [data-needs]")) {
    place.hidden = !place.dataset.needs.split(" ").some((need) => who.permissions.includes(need));
    if (place.pathname !== location.pathname) continue;
    place.setAttribute("aria-current", "page");
    if (place.parentNode.matches(".places")) place.scrollIntoView({ block: "nearest", inline: "center" }); // the strip is long on a telephone
  }
  const more = document.querySelector(".more-places");
  if (more) {
    more.hidden = !more.querySelector("a:not([hidden])");
    const shut = (event) => !more.contains(event.target) && (more.open = false);
    document.addEventListener("click", shut);
    document.addEventListener("focusin", shut);
    more.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !more.open) return;
      more.open = false;
      more.querySelector("summary").focus();
    });
  }
  narrowed(more);
  // another language is the same page with the same choices
  document.querySelector("a.language").addEventListener("click", (event) => {
    const here = new URL(location.href);
    here.searchParams.set("lang", event.currentTarget.lang);
    event.currentTarget.href = here.pathname + here.search + here.hash;
  });
  const button = document.getElementById("sign-out");
  button.hidden = false;
  button.addEventListener("click", async () => {
    await call("DELETE", "/api/v1/session").catch(() => {});
    location.assign("/login");
  });
}
