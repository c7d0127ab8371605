// A list that says what it is: loading, empty, ready, refused, or old because the hub went quiet.
import { element, hidden, part, text } from "../dom.js";
import { clockTime, t } from "../words.js";

export class Listing {
  // load(cursor) -> { items, next_cursor }; row(item) -> element; key(item) -> string
  constructor(name, { load, row, key, empty, counted = () => {} }) {
    this.root = document.getElementById(`${name}-list`);
    [this.notice, this.rows, this.more] = ["notice", "rows", "more"].map((which) => part(this.root, which));
    Object.assign(this, { load, row, key, empty, counted, asked: 0, pages: 1, seenMs: null });
    this.more.addEventListener("click", () => {
      this.pages += 1;
      this.refresh();
    });
    this.rows.addEventListener("keydown", (event) => this.move(event));
  }

  reset() {
    this.pages = 1;
    this.seenMs = null;
    this.rows.replaceChildren();
    this.say("loading", t("Loading…"));
    return this.refresh();
  }

  async refresh() {
    const mine = ++this.asked;
    try {
      const items = [];
      let cursor = null;
      for (let page = 0; page < this.pages; page += 1) {
        const answer = await this.load(cursor);
        items.push(...answer.items);
        cursor = answer.next_cursor;
        if (!cursor) break;
      }
      if (mine !== this.asked) return;
      this.seenMs = Date.now();
      hidden(this.more, !cursor);
      this.draw(items);
      this.counted(items.length, Boolean(cursor));
      this.say(items.length ? "ready" : "empty", items.length ? "" : this.empty());
    } catch (problem) {
      if (mine !== this.asked) return;
      const why = problem.status === 403 ? t("You may not see this.") : problem.status === 0 ? t("The hub did not answer.") : problem.message;
      if (this.seenMs === null) this.say("failed", why);
      else this.say("stale", [why, t("Shown as of {time}.", { time: clockTime(this.seenMs) })].join(" "));
    }
  }

  // Rows keep their node while their content is the same, so that focus and open details stay.
  draw(items) {
    const before = new Map([...this.rows.children].map((node) => [node.dataset.key, node]));
    const focused = document.activeElement?.closest?.(".row")?.dataset.key;
    const nodes = items.map((item) => {
      const key = this.key(item);
      const print = JSON.stringify(item);
      const old = before.get(key);
      if (old?.dataset.print === print) return old;
      const node = this.row(item, old);
      node.dataset.key = key;
      node.dataset.print = print;
      node.tabIndex = -1;
      return node;
    });
    if (nodes.length !== this.rows.children.length || nodes.some((node, i) => node !== this.rows.children[i])) this.rows.replaceChildren(...nodes);
    const kept = nodes.find((node) => node.dataset.key === focused);
    if (nodes.length) (kept ?? nodes[0]).tabIndex = 0;
    if (kept && !kept.contains(document.activeElement)) kept.focus();
  }

  move(event) {
    const row = event.target.closest(".row");
    if (!row || event.target !== row) return;
    const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: this.rows.firstElementChild, End: this.rows.lastElementChild }[event.key];
    if (next) {
      event.preventDefault();
      row.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    } else if (event.key === "Enter") {
      event.preventDefault();
      row.querySelector("button:not(:disabled)")?.click();
    }
  }

  say(state, words) {
    this.root.dataset.state = state;
    text(this.notice, words);
  }
}

export const button = (label, kind, act) => {
  const made = element("button", { type: "button", class: kind }, label);
  made.addEventListener("click", act);
  return made;
};
