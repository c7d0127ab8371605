// A list that says what it is: loading, empty, ready, refused, or old because the hub went quiet.
import { element, hidden, part, text } from "../dom.js";
import { clockTime, nt, t } from "../words.js";

export class Listing {
  // load(cursor) -> { items, next_cursor }; row(item, old row) -> element; key(item) -> string; order(items) -> items;
  // keyed(event, row) -> whether it was a key of this list's own
  constructor(name, { load, row, key, empty, order = (items) => items, counted = () => {}, keyed = () => false }) {
    this.root = document.getElementById(`${name}-list`);
    [this.notice, this.rows, this.more, this.rest] = ["notice", "rows", "more", "rest"].map((which) => part(this.root, which));
    Object.assign(this, { load, row, key, empty, order, counted, keyed, asked: 0, pages: 1, seenMs: null, items: [] });
    this.more.addEventListener("click", () => {
      this.pages += 1;
      this.refresh();
    });
    this.rows.addEventListener("keydown", (event) => this.move(event));
    document.addEventListener("keydown", (event) => this.enter(event));
    this.rows.addEventListener("focusin", (event) => this.choose(event.target.closest(".row")));
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
      hidden(this.rest, !cursor);
      if (cursor) text(this.rest, nt("The newest {n} is loaded; there are more.", "The newest {n} are loaded; there are more.", items.length));
      this.items = items;
      this.arrange();
      this.counted(items.length, Boolean(cursor));
      this.say(items.length ? "ready" : "empty", items.length ? "" : this.empty());
    } catch (problem) {
      if (mine !== this.asked) return;
      const why = problem.status === 403 ? t("You may not see this.") : problem.message;
      if (this.seenMs === null) this.say("failed", why);
      else this.say("stale", [why, t("Shown as of {time}.", { time: clockTime(this.seenMs) })].join(" "));
    }
  }

  // The same items in the order that is wanted now.
  arrange() {
    this.draw(this.order(this.items));
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
      return node;
    });
    if (nodes.length !== this.rows.children.length || nodes.some((node, i) => node !== this.rows.children[i])) this.rows.replaceChildren(...nodes);
    const kept = nodes.find((node) => node.dataset.key === focused);
    const chosen = this.chosen?.dataset.key;
    this.choose(kept ?? nodes.find((node) => node.dataset.key === chosen) ?? nodes[0]);
    if (kept && !kept.contains(document.activeElement)) kept.focus();
  }

  // One row is in the tab order with what stands in it; arrow keys go to the others.
  choose(row) {
    if (!row) return;
    this.chosen = row;
    for (const other of this.rows.children) {
      const tab = other === row ? 0 : -1;
      for (const node of [other, ...other.querySelectorAll("button, summary")]) if (node.getAttribute("tabindex") !== String(tab)) node.tabIndex = tab;
    }
  }

  // The key of the row below that still asks for something, else of one above.
  nextAfter(key) {
    const rows = [...this.rows.children];
    const at = rows.findIndex((row) => row.dataset.key === key);
    const asks = (row) => row.querySelector("button:not(:disabled)");
    return (rows.slice(at + 1).find(asks) ?? rows.slice(0, Math.max(0, at)).findLast(asks))?.dataset.key ?? key;
  }

  focus(key) {
    const row = [...this.rows.children].find((node) => node.dataset.key === key) ?? this.chosen;
    (row?.isConnected ? row : this.rows.firstElementChild)?.focus();
  }

  // J and K lead into the list from anywhere on the page, unless somebody writes or a dialog is open.
  enter(event) {
    const free = event.target === document.body && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!free || !["j", "k"].includes(event.key.toLowerCase()) || !this.root.checkVisibility() || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.focus(this.chosen?.dataset.key);
  }

  move(event) {
    const row = event.target.closest(".row");
    if (!row || event.target.matches("input:not([type=checkbox]), textarea, select") || this.keyed(event, row)) return;
    const [below, above] = [row.nextElementSibling, row.previousElementSibling];
    const next = { ArrowDown: below, j: below, ArrowUp: above, k: above, Home: this.rows.firstElementChild, End: this.rows.lastElementChild }[event.key];
    if (next) {
      event.preventDefault();
      next.focus();
    } else if (event.key === "Enter" && event.target === row) {
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
