// A part of a page with content of its own that says what it is: loading, empty, ready, refused, or old.
import { hidden, part, text } from "../dom.js";
import { clockTime, t } from "../words.js";

export class Section {
  // load() -> content; draw(content, body) -> false if there is nothing to show
  constructor(name, { load, draw, empty = () => t("Nothing here.") }) {
    this.root = document.getElementById(name);
    [this.notice, this.body] = ["notice", "body"].map((which) => part(this.root, which));
    Object.assign(this, { load, draw, empty, asked: 0, seenMs: null });
  }

  async refresh() {
    const mine = ++this.asked;
    try {
      const content = await this.load();
      if (mine !== this.asked) return;
      this.seenMs = Date.now();
      const some = this.draw(content, this.body) !== false;
      this.say(some ? "ready" : "empty", some ? "" : this.empty());
    } catch (problem) {
      if (!("status" in problem)) throw problem; // a fault of this page, not of the hub
      if (mine === this.asked) this.fail(problem);
    }
  }

  reset() {
    this.seenMs = null;
    this.say("loading", t("Loading…"));
    return this.refresh();
  }

  fail(problem) {
    const why = reason(problem);
    if (this.seenMs === null) this.say("failed", why);
    else this.say("stale", [why, t("Shown as of {time}.", { time: clockTime(this.seenMs) })].join(" "));
  }

  say(state, words) {
    this.root.dataset.state = state;
    text(this.notice, words);
    hidden(this.notice, !words);
    hidden(this.body, state === "empty" || state === "failed");
  }
}

// Why there is nothing to show, in the visitor's language where the hub's own words would be in English.
export const reason = (problem) =>
  problem.status === 403 ? t("You may not see this.") : problem.status === 0 || problem.status >= 500 ? t("The hub did not answer.")
    : problem.status === 404 ? t("This is not there, or you may not see it.") : problem.message;

// What has not changed is not drawn again: focus and place stay. part(content): what is looked at
export const once = (part, draw) => (content, body) => {
  const print = JSON.stringify(part(content));
  if (body.dataset.print !== print) {
    const focused = document.activeElement?.closest?.("a")?.getAttribute("href");
    body.dataset.print = print;
    draw(content, body);
    if (focused && body.isConnected) body.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
  return body.childElementCount > 0;
};

// Asks again and again while somebody looks, never twice at once.
export function every(ms, act) {
  const turn = async () => {
    if (!document.hidden && !document.querySelector("dialog[open]")) await act();
    setTimeout(turn, ms * (0.9 + Math.random() / 5));
  };
  setTimeout(turn, ms);
  document.addEventListener("visibilitychange", () => document.hidden || act());
}
