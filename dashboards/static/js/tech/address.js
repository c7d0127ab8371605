// What a page shows stands in its address: it can be sent to a colleague, and the back button works.
export class Address {
  // names: what belongs to this page; changed(): somebody went back or forward
  constructor(names, changed) {
    this.names = names;
    this.read();
    addEventListener("popstate", () => {
      this.read();
      changed();
    });
  }

  read(search = location.search) {
    const said = new URLSearchParams(search);
    this.wanted = Object.fromEntries(this.names.map((name) => [name, said.get(name) ?? ""]));
  }

  get query() {
    return new URLSearchParams(this.names.map((name) => [name, this.wanted[name]]).filter(([, value]) => value)).toString();
  }

  // typing does not fill the history with letters: `replace` keeps one step
  set(changes, replace = false) {
    Object.assign(this.wanted, changes);
    const next = location.pathname + (this.query ? `?${this.query}` : "");
    if (next === location.pathname + location.search) return false;
    history[replace ? "replaceState" : "pushState"](null, "", next);
    return true;
  }
}
