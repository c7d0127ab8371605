// The province as a cartogram: one cell a school in its district's place. Only changed cells are touched.
import { byId, className, hidden, svg, text } from "../dom.js";
import { SHAPES } from "../severity.js";
import { NOTHING, number, percent, t } from "../words.js";

const level = (online, all) => {
  if (!all) return "none";
  const share = (100 * online) / all;
  return share >= 98 ? "high" : share >= 95 ? "middle" : share >= 88 ? "low" : "bad";
};

export class ProvinceMap {
  constructor(root, meta) {
    this.root = root;
    this.meta = meta;
    this.cells = new Map();
    this.districts = new Map();
  }

  async load(url) {
    this.drawing = await (await fetch(url)).json();
    const { width, height, districts } = this.drawing;
    const layers = ["lands", "glows", "cells", "labels"].map((name) => svg("g", { class: name }));
    for (const [code, drawn] of Object.entries(districts)) {
      const path = (kind) => svg("path", { class: kind, d: drawn.outline });
      const groups = [
        svg("g", {}, path("land")),
        svg("g", {}, path("glow glow-wide"), path("glow glow-near"), path("glow glow-line")),
        svg("g", {}),
        svg("g", { transform: `translate(${drawn.label.join(" ")})` }),
      ];
      const name = svg("text", { class: "district-name", y: -5 });
      const share = svg("text", { class: "district-share", y: 17 });
      groups[3].append(name, share);
      layers.forEach((layer, i) => layer.append(groups[i]));
      const cells = Object.entries(drawn.cells).map(([school, [x, y]]) => {
        const node = svg("path", { class: "cell absent", d: SHAPES.absent, transform: `translate(${x} ${y})` });
        groups[2].append(node);
        return { node, school, state: "absent" };
      });
      this.districts.set(code, { groups, name, share, cells, level: null });
    }
    this.image = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" }, ...layers);
    this.drawnCells = [...this.districts.values()].reduce((sum, district) => sum + district.cells.length, 0);
    this.root.replaceChildren(this.image);
  }

  // Give every school of the picture a cell: its own, or a spare one of its district.
  seat(picture) {
    this.cells.clear();
    for (const [code, drawn] of this.districts) {
      const here = (picture.districts.get(code)?.members ?? []).map((school) => school.code);
      const own = new Set(here.filter((school) => drawn.cells.some((cell) => cell.school === school)));
      const homeless = here.filter((school) => !own.has(school));
      for (const cell of drawn.cells) {
        const school = own.has(cell.school) ? cell.school : homeless.shift();
        if (school) {
          this.cells.set(school, cell);
          cell.node.dataset.school = school;
        } else {
          delete cell.node.dataset.school;
          this.paint(cell, "absent");
        }
      }
    }
  }

  paint(cell, state) {
    if (cell.state === state) return;
    cell.state = state;
    cell.node.setAttribute("d", SHAPES[state] ?? SHAPES.unknown);
    cell.node.setAttribute("class", `cell ${state}`);
  }

  draw(picture, dirty) {
    if (!this.image) return;
    if (dirty.all) this.seat(picture);
    for (const code of dirty.all ? picture.schools.keys() : dirty.schools) {
      const cell = this.cells.get(code);
      if (cell) this.paint(cell, picture.schools.get(code).state);
    }
    for (const code of dirty.all ? this.districts.keys() : dirty.districts) this.drawDistrict(code, picture);
    if (dirty.all) hidden(byId("legend-absent"), this.cells.size === this.drawnCells);
    if (dirty.all) text(this.meta, t("{districts} districts · {schools} schools · one cell each", {
      districts: number(picture.districts.size), schools: number(picture.schools.size) }));
    if (dirty.all || dirty.districts.size) this.describe(picture);
  }

  drawDistrict(code, picture) {
    const drawn = this.districts.get(code);
    const district = picture.districts.get(code);
    if (!drawn || !district) return;
    const [online, all] = picture.rooms(district);
    const now = level(online, all);
    if (drawn.level !== now) {
      drawn.level = now;
      for (const group of drawn.groups) className(group, `district ${now}`);
    }
    text(drawn.name, district.short || district.name);
    text(drawn.share, percent(online, all));
  }

  describe(picture) {
    const said = [...picture.districts.values()].map((district) => `${district.short}: ${percent(...picture.rooms(district)) || NOTHING}`);
    this.image.setAttribute("aria-label", said.join(", "));
  }
}
