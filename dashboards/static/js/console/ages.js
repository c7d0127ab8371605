// Ages that go on by themselves while the row they stand in stays the same.
import { element, text } from "../dom.js";
import { age, t } from "../words.js";

const say = (node, nowMs) => {
  const said = { age: age(nowMs - Number(node.dataset.since)) };
  text(node, node.dataset.said === "for" ? t("for {age}", said) : t("{age} ago", said));
};

// kind: "ago" for something that happened, "for" for something that lasts
export const agedSince = (ms, kind) => setAge(element("small"), ms, kind);

// The same in a node that is there already.
export function setAge(node, ms, kind) {
  if (!ms) {
    delete node.dataset.since;
    text(node, "");
  } else if (node.dataset.since !== String(ms)) {
    Object.assign(node.dataset, { since: ms, said: kind });
    say(node, Date.now());
  }
  return node;
}

setInterval(() => {
  for (const node of document.querySelectorAll("[data-since]")) say(node, Date.now());
}, 1000);
