// Tabs by mouse, arrow keys and address (#nodes).
export class Tabs {
  constructor(opened) {
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    this.opened = opened;
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
    const tab = this.tabs.find((candidate) => candidate.getAttribute("aria-controls") === name) ?? this.tabs[0];
    this.current = tab.getAttribute("aria-controls");
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
