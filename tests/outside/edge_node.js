// A Sparkplug B edge node that knows nothing of the hub, made with the npm package sparkplug-client.
// Arguments: broker's URL, group, node, device. Says what happens on standard output, one JSON object a line;
// does what standard input says: "data", "skip" (loses a sequence number), "device-death", "stop".
"use strict";

const readline = require("node:readline");
const sparkplug = require("sparkplug-client");

const [serverUrl, groupId, edgeNode, device] = process.argv.slice(2);
const client = sparkplug.newClient({ serverUrl, groupId, edgeNode, clientId: `${groupId}-${edgeNode}`, username: "", password: "",
  publishDeath: true, version: "spBv1.0", keepalive: 5 });
const say = (event, rest = {}) => console.log(JSON.stringify({ event, ...rest }));

let turn = 0;
const metric = (name, type, value) => ({ name, type, value, timestamp: Date.now() });
const readings = () => [
  metric("Water Level", "Float", 1.25 + turn),
  metric("Pump Starts", "Int32", -7 - turn),
  metric("Pumped Litres", "UInt32", 4000000000 + turn),
  metric("Serial", "UInt64", 9007199254740991),
  metric("Pump On", "Boolean", turn % 2 === 1),
  metric("Operator", "String", `Ca trực số ${turn}`),
  metric("Last Service", "DateTime", Date.parse("2026-03-01T00:00:00Z")),
  metric("Nothing Yet", "Int32", null),
  metric("Hours", "DataSet", { numOfColumns: 2, columns: ["pump", "hours"], types: ["String", "Int32"], rows: [["north", 12], ["south", 30]] }),
];

client.on("birth", () => {
  client.publishNodeBirth({ timestamp: Date.now(), metrics: [metric("Node Control/Rebirth", "Boolean", false), metric("Properties/Firmware", "String", "outside 1.0")] });
  client.publishDeviceBirth(device, { timestamp: Date.now(), metrics: readings() });
  say("birth");
});
client.on("ncmd", (payload) => {
  const wanted = payload.metrics.find(({ name }) => name === "Node Control/Rebirth");
  if (wanted?.value === true) {
    say("rebirth command");
    client.emit("birth");
  } else {
    say("other command", { names: payload.metrics.map(({ name }) => name) });
  }
});
client.on("error", (error) => say("error", { text: String(error) }));

const data = () => {
  turn += 1;
  client.publishNodeData({ timestamp: Date.now(), metrics: [metric("Properties/Firmware", "String", `outside 1.${turn}`)] });
  client.publishDeviceData(device, { timestamp: Date.now(), metrics: readings() });
  say("data", { turn });
};

readline.createInterface({ input: process.stdin }).on("line", (wish) => {
  if (wish === "data") data();
  else if (wish === "skip") {
    client.incrementSeqNum();
    data();
  } else if (wish === "device-death") client.publishDeviceDeath(device, { timestamp: Date.now(), metrics: [] });
  else if (wish === "stop") client.stop();
});
