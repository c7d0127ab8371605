// Tabs by mouse, arrow keys and address (#nodes). A tab that the visitor has no permission for is not there.
export class Tabs {
  constructor(permissions, opened) {
    this.tabs = [...document.querySelectorAll("[role=tab]")].filter((tab) => {
      const may = permissions.includes(tab.dataset.needs);
      if (!may) {
        document.getElementById(tab.getAttribute("aria-controls")).remove();
        tab.remove();
      }
      return may;
    });
    this.opened = opened;
    this.names = this.tabs.map((tab) => tab.getAttribute("aria-controls"));
    if (!this.tabs.length) return;
    for (const tab of this.tabs) tab.addEventListener("click", () => this.open(tab.getAttribute("aria-controls")));
    this.tabs[0].parentElement.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const at = this.tabs.indexOf(document.activeElement);
      const next = this.tabs[(at + step + this.tabs.length) % this.tabs.length];
      next.focus();
      next.click();
    });
    addEventListener("hashchange", () => this.open(location.hash.slice(1)));
    this.open(location.hash.slice(1));
  }

  open(name) {
    this.current = this.names.includes(name) ? name : this.names[0];
    const tab = this.tabs[this.names.indexOf(this.current)];
    for (const other of this.tabs) {
      const on = other === tab;
      other.setAttribute("aria-selected", String(on));
      other.tabIndex = on ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !on;
    }
    if (location.hash.slice(1) !== this.current) history.replaceState(null, "", `#${this.current}`);
    this.opened(this.current);
  }
}
