// Wires the wall: the stream fills the picture, the picture says what changed, and that much is drawn.
import { byId } from "../dom.js";
import { sawVersion } from "../renewal.js";
import { Stream } from "../stream.js";
import { Alarms } from "./alarms.js";
import { Clock } from "./clock.js";
import { Figures, Severities } from "./figures.js";
import { Freshness } from "./freshness.js";
import { ProvinceMap } from "./map.js";
import { Matrix } from "./matrix.js";
import { Picture } from "./picture.js";
import { Takeover } from "./takeover.js";
import { Uplinks } from "./uplinks.js";

const measuring = new URLSearchParams(location.search).has("measure");
const { wall, map } = document.body.dataset;
const picture = new Picture();
const parts = {
  alarms: new Alarms(), clock: new Clock(), figures: new Figures(document), severities: new Severities(document),
  freshness: new Freshness(), map: new ProvinceMap(byId("map"), byId("map-meta")), matrix: new Matrix(byId("matrix"), byId("matrix-meta")),
  takeover: new Takeover(), uplinks: new Uplinks(),
};
const started = performance.now();
let known = false;
let asked = false;

function draw() {
  asked = false;
  if (!known) return;
  const begin = performance.now();
  const nowMs = stream.now();
  const dirty = picture.taken();
  parts.map.draw(picture, dirty);
  parts.matrix.draw(picture, dirty);
  if (dirty.all || dirty.figures || dirty.alarms) {
    parts.figures.draw(picture, nowMs);
    parts.severities.draw(picture);
  }
  if (dirty.all || dirty.alarms) parts.alarms.draw(picture, nowMs);
  if (dirty.all || dirty.uplinks) parts.uplinks.draw(picture);
  if (dirty.all || dirty.alarms) parts.takeover.draw(picture, nowMs, stream.state === "live");
  if (measuring) performance.measure("draw", { start: begin, detail: { schools: dirty.schools.size } });
}

// Many changes, one drawing; a hidden page draws once when it is seen again.
function soon() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(draw);
}

function tick() {
  const nowMs = stream.now();
  parts.clock.tick(nowMs, known ? picture : null);
  parts.freshness.draw({ state: stream.state, refusal: stream.refusal, wall, nowMs, status: known ? picture.status : null, waitedMs: performance.now() - started });
  if (!known) return;
  parts.alarms.tick(nowMs);
  parts.uplinks.tick(nowMs);
  parts.takeover.draw(picture, nowMs, stream.state === "live");
}

const stream = new Stream(`/api/v1/wall/${encodeURIComponent(wall)}/stream`, {
  snapshot(news) {
    picture.snapshot(news);
    parts.freshness.dataMs = news.status?.data_ms ?? parts.freshness.dataMs;
    known = true;
    soon();
  },
  delta(change) {
    const begin = performance.now();
    picture.delta(change);
    if (measuring) performance.measure("apply", { start: begin });
    soon();
  },
  beat(beat) {
    parts.freshness.dataMs = beat.data_ms ?? parts.freshness.dataMs;
    tick();
  },
  state: tick,
  version: sawVersion,
});

// Each second on the second, so that the clock never skips one.
function everySecond() {
  tick();
  setTimeout(everySecond, 1000 - (stream.now() % 1000) + 5);
}

everySecond();
stream.start();
await parts.map.load(map);
picture.dirty.all = true;
soon();
