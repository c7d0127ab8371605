// A list of any length of which only the visible rows are in the page. Rows have one height; pages are fetched
// when they come near, one after the other, because each names where the next begins.
import { element, hidden, part, text } from "../dom.js";
import { clockTime, t } from "../words.js";
import { reason } from "./section.js";

const OVERSCAN = 6;
const PREFETCH_ROWS = 50;
const PAGE = 100;
const FAR_PAGE = 1000; // somebody dragged the bar: fewer, larger steps
const BIG_PAGE_MS = 15000; // a large page is asked again less often

export class WindowedList {
  // load(cursor, limit) -> { items, next_cursor, total }; make() -> row; draw(row, item); key(item); address(item)
  constructor(root, { load, make, draw, key, address, empty, counted = () => {} }) {
    [this.notice, this.grid, this.space] = ["notice", "grid", "space"].map((which) => part(root, which));
    Object.assign(this, { root, load, make, draw, key, address, empty, counted });
    Object.assign(this, { pages: [], generation: 0, total: 0, active: -1, rows: new Map(), spare: [], busy: null, seenMs: null });
    this.grid.addEventListener("scroll", () => this.later(), { passive: true });
    this.grid.addEventListener("keydown", (event) => this.press(event));
    this.grid.addEventListener("click", (event) => this.click(event));
    this.grid.addEventListener("focus", () => this.active < 0 && this.total && this.choose(this.first()));
    new ResizeObserver(() => this.measure()).observe(this.grid);
    this.measure();
  }

  measure() {
    this.height = parseFloat(getComputedStyle(this.grid).getPropertyValue("--row")) || 46;
    this.head = this.space.offsetTop;
    this.later();
  }

  get loaded() {
    const last = this.pages.at(-1);
    return last ? last.start + last.items.length : 0;
  }

  first() {
    return Math.floor(this.grid.scrollTop / this.height);
  }

  last() {
    return Math.min(this.total, Math.ceil((this.grid.scrollTop + this.grid.clientHeight - this.head) / this.height));
  }

  item(index) {
    const page = this.pages.findLast((one) => one.start <= index);
    return page?.items[index - page.start];
  }

  // Other rows are wanted: the old ones stay in sight until the new are there. place: { top, key } to come back to
  async reset(place = null) {
    this.generation += 1;
    this.busy = null;
    this.say("loading", this.seenMs === null ? t("Loading…") : "");
    const mine = this.generation;
    try {
      const wanted = place ? Math.ceil((place.top + this.grid.clientHeight) / this.height) : 0;
      const pages = [await this.fetch(null, wanted > PAGE ? FAR_PAGE : PAGE, 0)];
      while (pages.at(-1).next && pages.at(-1).start + pages.at(-1).items.length < wanted) {
        const last = pages.at(-1);
        pages.push(await this.fetch(last.next, FAR_PAGE, last.start + last.items.length));
      }
      if (mine !== this.generation) return;
      this.pages = pages;
      this.active = -1;
      this.seen();
      this.grid.scrollTop = place?.top ?? 0;
      if (place?.key) this.active = this.find(place.key);
      this.paint(true);
    } catch (problem) {
      if (mine !== this.generation) return;
      [this.pages, this.total] = [[], 0]; // what stands there answers another question
      this.paint();
      this.fail(problem);
    }
  }

  async fetch(cursor, limit, start) {
    const { items, next_cursor: next, total } = await this.load(cursor, limit);
    return { cursor, limit, start, items, next, total, seenMs: Date.now() };
  }

  // Pages until the visible rows are there, and some more.
  async fill() {
    if (this.busy || !this.pages.length) return;
    const mine = this.generation;
    try {
      for (;;) {
        const [last, missing] = [this.pages.at(-1), this.last() - this.loaded];
        if (!last.next || missing < -PREFETCH_ROWS) return;
        this.busy = this.fetch(last.next, missing > PAGE ? FAR_PAGE : PAGE, this.loaded);
        const page = await this.busy;
        if (mine !== this.generation || this.pages.at(-1) !== last) return;
        this.pages.push(page);
        this.seen();
        this.paint();
      }
    } catch (problem) {
      if (mine === this.generation) this.fail(problem);
    } finally {
      if (mine === this.generation) this.busy = null;
    }
  }

  // What is in sight is asked for again; the first row in sight stays where it is.
  async refresh() {
    if (!this.pages.length) return this.reset();
    if (this.busy) return;
    const [mine, from, to] = [this.generation, this.first(), this.last()];
    const anchor = this.item(from);
    try {
      for (const old of this.pages.filter((page) => page.start < to && page.start + page.items.length > from)) {
        if (old.limit > PAGE && Date.now() - old.seenMs < BIG_PAGE_MS && this.root.dataset.state === "ready") continue;
        this.busy = this.fetch(old.cursor, old.limit, old.start);
        const page = await this.busy;
        if (mine !== this.generation) return;
        const place = this.pages.indexOf(old);
        // the next page begins elsewhere now: it is asked for again when it is looked at
        const same = page.next === old.next && page.items.length === old.items.length;
        this.pages.splice(place, same ? 1 : Infinity, page);
        if (!same) break;
      }
      this.seen();
      const now = anchor ? this.find(this.key(anchor)) : -1;
      if (now >= 0 && now !== from) this.grid.scrollTop += (now - from) * this.height;
      this.paint(true);
    } catch (problem) {
      if (mine === this.generation) this.fail(problem);
    } finally {
      if (mine === this.generation) this.busy = null;
      this.later();
    }
  }

  find(key) {
    for (const page of this.pages) {
      const at = page.items.findIndex((item) => this.key(item) === key);
      if (at >= 0) return page.start + at;
    }
    return -1;
  }

  seen() {
    const last = this.pages.at(-1);
    this.seenMs = Date.now();
    this.total = last.next ? Math.max(last.total ?? 0, this.loaded + 1) : this.loaded;
    this.active = Math.min(this.active, this.total - 1);
    this.counted(this.total, Boolean(last.next) && last.total === undefined);
    this.grid.setAttribute("aria-rowcount", String(this.total + 1));
    this.space.style.height = `${this.total * this.height}px`;
    this.say(this.total ? "ready" : "empty", this.total ? "" : this.empty());
  }

  fail(problem) {
    const why = reason(problem);
    if (!this.pages.length) this.say("failed", why);
    else this.say("stale", [why, t("Shown as of {time}.", { time: clockTime(this.seenMs) })].join(" "));
  }

  say(state, words) {
    this.root.dataset.state = state;
    text(this.notice, words);
    hidden(this.notice, !words);
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
      this.fill();
    });
  }

  paint(anew = false) {
    const [from, to] = [Math.max(0, this.first() - OVERSCAN), Math.min(this.total, this.last() + OVERSCAN)];
    for (const [index, row] of this.rows)
      if (index < from || index >= to) {
        this.rows.delete(index);
        this.spare.push(row);
      }
    for (let index = from; index < to; index += 1) {
      let row = this.rows.get(index);
      const item = this.item(index);
      if (!row) {
        row = this.spare.pop() ?? this.make();
        row.style.transform = `translateY(${index * this.height}px)`;
        row.id = `row-${index}`;
        row.setAttribute("aria-rowindex", String(index + 2));
        this.rows.set(index, row);
        row.shown = null;
      }
      if (anew || row.shown !== item || !item) this.fillRow(row, item, index);
      if (row.parentNode !== this.space) this.space.append(row);
    }
    for (const row of this.spare) row.remove();
    this.spare.length = Math.min(this.spare.length, 40);
    const active = this.rows.get(this.active);
    if (active) this.grid.setAttribute("aria-activedescendant", active.id);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  fillRow(row, item, index) {
    row.classList.toggle("waiting", !item);
    row.setAttribute("aria-selected", String(index === this.active));
    if (item && row.shown !== item) this.draw(row, item);
    row.shown = item ?? null;
  }

  choose(index) {
    this.active = Math.max(0, Math.min(this.total - 1, index));
    const [top, bottom] = [this.active * this.height, (this.active + 1) * this.height];
    const room = this.grid.clientHeight - this.head;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (bottom > this.grid.scrollTop + room) this.grid.scrollTop = bottom - room;
    this.paint(true);
  }

  press(event) {
    if (event.target !== this.grid || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor((this.grid.clientHeight - this.head) / this.height) - 1);
    const to = { ArrowDown: this.active + 1, ArrowUp: this.active - 1, PageDown: this.active + page, PageUp: this.active - page, Home: 0, End: this.total - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      if (this.total) this.choose(to);
    } else if (event.key === "Enter" && this.item(this.active)) this.open(this.active);
  }

  click(event) {
    const row = event.target.closest("[aria-rowindex]");
    if (!row || event.target.closest("a, button") || getSelection().toString()) return;
    const index = Number(row.getAttribute("aria-rowindex")) - 2;
    if (this.rows.get(index) === row && this.item(index)) this.open(index);
  }

  open(index) {
    this.active = index;
    location.assign(this.address(this.item(index)));
  }

  place() {
    const active = this.item(this.active);
    return { top: this.grid.scrollTop, key: active ? this.key(active) : null };
  }
}

export const cell = (name, ...children) => element("div", { class: `cell ${name}`, role: "gridcell" }, ...children);
