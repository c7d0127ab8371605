// One group of commands as it goes on: how far, what failed and why, and a way to stop it.
import { byId, element, hidden, text } from "../dom.js";
import { moment, t } from "../words.js";
import { at, get, greet, post, visitor } from "../console/api.js";
import { present } from "../console/absent.js";
import { ask } from "../desk/asking.js";
import { Section, every, once } from "../tech/section.js";
import { commandLine } from "./device_commands.js";
import { batchEnded, batchFigures, batchMark, batchName, batchState, progressBar } from "./progress.js";
import { deviceOf } from "./words.js";

const REFRESH_MS = 900;
const id = decodeURIComponent(location.pathname.split("/")[2]);
const path = at("/api/v1/commands/groups", id);
let [who, asked, over] = [null, null, false];
const detail = () => (asked ??= get(path).finally(() => setTimeout(() => (asked = null), 200)));

const progress = new Section("progress", {
  load: detail,
  draw: once((batch) => ({ ...batch, failures: null }), (batch, body) => {
    over = batchEnded(batch);
    byId("title").replaceChildren(element("h1", {}, batchName(batch)), batchMark(batch), element("p", {}, batchState(batch)), element("p", { class: "code" }, [batch.school ?? batch.unit, batch.room && batch.room !== "-" ? t("room {room}", { room: batch.room }) : ""].filter(Boolean).join(" · ")), element("p", {}, [batch.by, moment(batch.created_ms, Date.now())].join(" · ")));
    document.title = batchName(batch);
    hidden(byId("stop"), over || !who.permissions.includes("devices.command"));
    body.replaceChildren(progressBar(batch), element("p", { class: "figures-line num", role: "status" }, batchFigures(batch)), element("p", { class: "soft" }, t("At most {rate} devices a second; it stops by itself when more than {n}% fail.", { rate: batch.rate_per_s, n: batch.abort_percent })));
  }),
});
const failures = new Section("failures", {
  load: detail,
  draw: once(({ failures: all }) => all, ({ failures: all }, body) => body.replaceChildren(...all.map((command) => commandLine(command, command.kind, { place: element("a", { href: deviceOf(command) }, [command.school, command.device].join(" · ")) })))),
  empty: () => t("None has failed."),
});
byId("stop").addEventListener("click", async () => {
  const done = await ask({ title: t("Stop these commands?"), subject: t("What was sent already goes on; what waits is cancelled."), submit: t("Stop it"), kind: "grave", answer: () => post(`${path}/cancel`, {}) });
  asked = null;
  if (done) refresh();
});
text(document.querySelector("#title h1"), "…");
const away = (problem) => [progress, failures].forEach((part) => part.fail(problem));
who = await visitor(() => away({ status: 0 }));
greet(who);
await present(detail, away, t("Command to many devices"), [["/commands", t("Commands")]]);
const refresh = () => Promise.all([progress.refresh(), failures.refresh()]);
await refresh();
every(REFRESH_MS, () => (over ? null : refresh()));
