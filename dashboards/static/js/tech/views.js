// Saved views: a name for what stands in the address.
import { byId, element, hidden, part, text } from "../dom.js";
import { t } from "../words.js";
import { at, call, get } from "../console/api.js";
import { Question } from "../console/dialog.js";
import { button } from "../console/listing.js";
import { reason } from "./section.js";

const PAGE = "devices";

// The hub keeps filters in an order of its own.
const same = (a, b) => a.split("&").sort().join("&") === b.split("&").sort().join("&");

export class Views {
  // query() -> what stands in the address; show(query)
  constructor(root, { query, show }) {
    Object.assign(this, { query, show, items: [] });
    [this.list, this.note] = ["views", "views-note"].map((which) => part(root, which));
    const [saving, removing] = [new Question("save-view"), new Question("delete-view")];
    this.remove = (view) => removing.ask(view.name, async () => {
      await call("DELETE", at("/api/v1/views", view.name));
      await this.refresh();
    });
    byId("view-save").addEventListener("click", () => saving.ask(this.query().replace(/^$/, t("all devices")), async () => {
      await call("PUT", at("/api/v1/views", byId("view-name").value.trim()), { page: PAGE, query: this.query() });
      await this.refresh();
    }));
  }

  async refresh() {
    try {
      const { items } = await get("/api/v1/views");
      this.items = items.filter((view) => view.page === PAGE);
      text(this.note, this.items.length ? "" : t("None saved yet."));
    } catch (problem) {
      this.items = [];
      text(this.note, reason(problem));
    }
    hidden(this.note, !this.note.textContent);
    this.list.replaceChildren(...this.items.map((view) => {
      const away = button("×", "away", () => this.remove(view));
      away.setAttribute("aria-label", t("Delete the view {name}", { name: view.name }));
      const choose = button(view.name, "facet", () => this.show(view.query));
      choose.dataset.query = view.query;
      return element("li", {}, choose, away);
    }));
    this.mark();
  }

  mark() {
    const now = this.query();
    for (const node of this.list.querySelectorAll("[data-query]")) node.setAttribute("aria-pressed", String(same(node.dataset.query, now)));
  }
}
