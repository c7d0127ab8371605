// Where the QR of a code leads: what to do with it. The code stays in this address; it is sent nowhere.
import { byId, hidden, text } from "../dom.js";

const code = decodeURIComponent(location.hash.slice(1));
if (/^[0-9A-Za-z-]{10,60}$/.test(code)) {
  text(byId("code"), code);
  text(byId("command"), `hub agent enrol "${location.href}" --config agent.toml`);
}
hidden(byId("known"), !byId("code").textContent);
hidden(byId("unknown"), Boolean(byId("code").textContent));
