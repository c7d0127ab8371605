// Small ways to change only what is different: writing the same text twice still costs a layout.
const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);
export const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

export function className(node, value) {
  if (node.getAttribute("class") !== value) node.setAttribute("class", value);
}

export function hidden(node, value) {
  if (node.hidden !== value) node.hidden = value;
}

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const element = (name, attributes = {}, ...children) => build(document.createElement(name), attributes, children);
export const svg = (name, attributes = {}, ...children) => build(document.createElementNS(SVG, name), attributes, children);

// Text in which {b}…{/b} stands for emphasis, so that translators may move it.
export function rich(node, value) {
  if (node.dataset.rich === value) return;
  node.dataset.rich = value;
  node.replaceChildren(...value.split(/\{b\}(.*?)\{\/b\}/).map((piece, i) => (i % 2 ? element("b", {}, piece) : piece)));
}
