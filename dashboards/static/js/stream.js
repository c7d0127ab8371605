// One stream a page, with its own watchdog: EventSource alone would wait on a dead line for ever.
const BEAT_TIMEOUT_MS = 4000;
const WATCH_EVERY_MS = 250;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15000;

export class Stream {
  // listeners: { snapshot(picture), delta(change), beat(beat), state("live" | "lost"), version(build id) }
  constructor(url, listeners) {
    this.url = url;
    this.on = listeners;
    this.failures = 0;
    this.state = "starting";
    this.heard = performance.now();
    this.clockOffsetMs = 0;
  }

  start() {
    this.connect();
    this.watch = setInterval(() => this.check(), WATCH_EVERY_MS);
    addEventListener("online", () => this.retry(0));
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => event.persisted && this.retry(0)); // brought back as it was left
  }

  // The hub's clock: a kiosk's own may be wrong, and ages must not be.
  now() {
    return Date.now() + this.clockOffsetMs;
  }

  connect() {
    this.close();
    this.opened = performance.now();
    const source = (this.source = new EventSource(this.url));
    const mine = (listen) => (event) => {
      if (source !== this.source) return;
      this.listened();
      listen(JSON.parse(event.data));
    };
    source.addEventListener("snapshot", mine((picture) => {
      this.setClock(picture.ts_ms);
      this.on.version?.(picture.version);
      this.on.snapshot?.(picture);
      this.setState("live");
    }));
    source.addEventListener("delta", mine((change) => this.on.delta?.(change)));
    source.addEventListener("beat", mine((beat) => {
      this.setClock(beat.ts_ms);
      this.on.version?.(beat.version);
      this.on.beat?.(beat);
    }));
    source.addEventListener("error", () => {
      if (source === this.source) this.retry();
    });
  }

  listened() {
    this.heard = performance.now();
    this.failures = 0;
  }

  setClock(tsMs) {
    if (typeof tsMs !== "number") return;
    const offset = tsMs - Date.now();
    // delay only ever makes the hub look late: believe the earliest news, forget slowly
    this.clockOffsetMs = this.clocked ? Math.max(offset, this.clockOffsetMs - 5) : offset;
    this.clocked = true;
  }

  setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.on.state?.(state);
  }

  check() {
    const now = performance.now();
    if (now - this.heard <= BEAT_TIMEOUT_MS) return;
    this.setState("lost");
    // an open line that says nothing is as dead as a closed one
    if (this.source && now - Math.max(this.heard, this.opened) > BEAT_TIMEOUT_MS) this.retry();
  }

  retry(delay) {
    this.close();
    clearTimeout(this.timer);
    const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failures++);
    this.timer = setTimeout(() => this.connect(), delay ?? wait * (0.5 + Math.random() / 2));
  }

  close() {
    this.source?.close();
    this.source = null;
  }
}
