// How devices come to trust the hub: what its own authority is called and known by.
import { byId, hidden, text } from "./dom.js";

const answer = await fetch("/api/v1/trust", { credentials: "omit" });
const said = answer.ok ? await answer.json() : { tls: "off" };
hidden(byId("trust-none"), said.tls === "own");
hidden(byId("trust-own"), said.tls !== "own");
if (said.tls === "own") {
  text(byId("trust-name"), said.name);
  // eight pairs a line: what is compared by eye must not be one long row
  text(byId("trust-fingerprint"), said.fingerprint_sha256.match(/.{1,24}/g).map((line) => line.replace(/:$/, "")).join(" "));
}
