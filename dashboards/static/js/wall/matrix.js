// Every school of every district, the worst first: squares when there are many, named tiles when there are few.
import { className, element, text } from "../dom.js";
import { RANK, stateName } from "../severity.js";
import { NOTHING, nt, number, t } from "../words.js";

const NAMED_AT_MOST = 4;
const AWAY = new Set(["offline", "unknown"]);

// The abbreviations every Vietnamese school sign uses.
const SIGNS = [[/^Trường\s+/u, ""], [/^Tiểu học\b/u, "TH"], [/^Mầm non\b/u, "MN"], [/^Mẫu giáo\b/u, "MG"], [/^(MN|TH) tư thục\b/u, "$1TT"]];
const shortName = (name) => SIGNS.reduce((short, [long, sign]) => short.replace(long, sign), name);

export class Matrix {
  constructor(root, meta) {
    this.root = root;
    this.meta = meta;
    this.blocks = new Map();
  }

  build(picture) {
    const districts = [...picture.districts.values()].sort((a, b) => b.members.length - a.members.length || (a.code < b.code ? -1 : 1));
    this.named = districts.every((district) => district.members.length <= NAMED_AT_MOST);
    this.root.dataset.style = this.named ? "named" : "squares";
    this.blocks.clear();
    this.root.replaceChildren(...districts.filter((district) => district.members.length).map((district) => {
      const block = { online: element("b"), all: element("span"), cells: [] };
      for (const school of district.members) block.cells.push(this.named ? this.tile() : { node: element("i", { class: "square" }) });
      block.node = element("div", { class: "block" },
        element("div", { class: "block-head" }, element("span", {}, district.short || district.name), element("span", { class: "num" }, block.online, block.all)),
        element("div", { class: "cells" }, ...block.cells.map((cell) => cell.node)));
      this.blocks.set(district.code, block);
      return block.node;
    }));
    text(this.meta, nt("one mark a school · {n} school", "one mark a school · {n} schools", picture.schools.size));
  }

  tile() {
    const cell = { shape: element("i"), name: element("span"), rooms: element("span", { class: "num" }) };
    cell.node = element("div", {}, cell.shape, cell.name, cell.rooms);
    return cell;
  }

  draw(picture, dirty) {
    if (dirty.all) this.build(picture);
    for (const code of dirty.all ? this.blocks.keys() : dirty.districts) this.drawBlock(code, picture);
  }

  drawBlock(code, picture) {
    const block = this.blocks.get(code);
    if (!block) return;
    const members = [...picture.districts.get(code).members].sort((a, b) => RANK[b.state] - RANK[a.state] || (a.code < b.code ? -1 : 1));
    members.forEach((school, i) => {
      const cell = block.cells[i];
      className(cell.node, `${this.named ? "tile" : "square"} ${school.state}`);
      const title = `${school.name} · ${stateName(school.state)}`;
      if (cell.node.title !== title) cell.node.title = title;
      if (!this.named) return;
      className(cell.shape, `shape ${school.state}`);
      text(cell.name, shortName(school.name));
      text(cell.rooms, school.state === "unknown" ? NOTHING : school.rooms_online === school.rooms ? number(school.rooms) : `${number(school.rooms_online)}/${number(school.rooms)}`);
    });
    const online = members.filter((school) => !AWAY.has(school.state)).length;
    const lost = members.filter((school) => school.state === "offline").length;
    text(block.online, number(online));
    text(block.all, `/${number(members.length)}`);
    className(block.node, lost > 5 || lost > members.length * 0.1 ? "block hot" : lost ? "block warm" : "block");
    block.node.setAttribute("aria-label", t("{online} of {all} online", { online, all: members.length }));
  }
}
