// Something secret that is shown this once: to be copied, printed or written down.
import { element, text } from "../dom.js";
import { t } from "../words.js";
import { button } from "../console/listing.js";
import { closing, dialog } from "./asking.js";

// Over plain HTTP from another machine a browser has no clipboard for pages: then the words are chosen and copied the old way.
async function copy(words, node) {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    getSelection().selectAllChildren(node);
    document.execCommand("copy");
  }
}

// lines: what is secret; note: what to do with it
export function shownOnce({ title, note, lines, print = false }) {
  const list = element("ul", { class: "secret", translate: "no" }, ...lines.map((line) => element("li", { class: "code" }, line)));
  const copied = element("span", { class: "soft", role: "status" });
  const copying = button(t("Copy"), "main", async () => {
    await copy(lines.join("\n"), list);
    text(copied, t("Copied."));
  });
  const node = dialog(title, "printed", element("p", { class: "subject" }, note), list,
    element("p", { class: "soft" }, t("It is shown this once and never again.")),
    element("div", { class: "buttons" }, copied, ...(print ? [button(t("Print"), "quiet", () => window.print())] : []), copying, closing(t("Done"))));
  copying.focus();
  return new Promise((resolve) => node.addEventListener("close", resolve));
}
