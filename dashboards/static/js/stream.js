// One stream a page, with its own watchdog: EventSource alone would wait on a dead line for ever.
const BEAT_TIMEOUT_MS = 4000;
const WATCH_EVERY_MS = 250;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15000;
const REFUSED_RETRY_MS = 30000;
const INQUIRY_MS = 5000;
const REFUSALS = new Set([401, 403, 404]);

export class Stream {
  // listeners: { snapshot(picture), delta(change), beat(beat), state("live" | "lost" | "refused"), version(build id) }
  // refused: the hub is there and says no; `refusal` is its status, asked of `inquiry`, because EventSource tells nobody
  constructor(url, listeners, inquiry = url.replace(/\/stream$/, "")) {
    this.url = url;
    this.inquiry = inquiry;
    this.refusal = null;
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
    this.spoke = false;
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
      if (source !== this.source) return;
      if (this.spoke) this.retry();
      else this.inquire();
    });
  }

  listened() {
    this.heard = performance.now();
    this.failures = 0;
    this.spoke = true;
    this.refusal = null;
  }

  // A line that breaks before its first word: is the hub away, or does it refuse?
  async inquire() {
    this.close();
    const asked = (this.asked = {});
    const status = await fetch(this.inquiry, { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(INQUIRY_MS) })
      .then((answer) => (answer.body?.cancel(), answer.status), () => 0);
    if (asked !== this.asked || this.source) return;
    if (!REFUSALS.has(status)) {
      this.refusal = null;
      return this.retry();
    }
    this.refusal = status;
    this.setState("refused");
    this.retry(REFUSED_RETRY_MS * (1 + Math.random() / 10));
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
    if (this.refusal !== null || now - this.heard <= BEAT_TIMEOUT_MS) return;
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
