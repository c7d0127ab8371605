// Scans that the hub has not heard yet: kept on this telephone until it has, and told again and again until then.
const FIRST_RETRY_MS = 2000;
const LONGEST_RETRY_MS = 60000;
const MOST = 2000;

// A number of its own for every scan, so that one told twice is one; also without a secure connection.
export const scanId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export class Scans {
  // send(scan) tells the hub; refused(scan, problem): it will never be taken; changed(): something was told or is new
  constructor(key, { send, refused, changed }) {
    Object.assign(this, { key, send, refused, changed, failures: 0, busy: false, timer: null });
    addEventListener("online", () => this.flush());
    addEventListener("storage", (event) => event.key === key && changed()); // another tab of the same counting
  }

  get waiting() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.key) ?? "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }

  keep(scans) {
    if (scans.length) localStorage.setItem(this.key, JSON.stringify(scans));
    else localStorage.removeItem(this.key);
  }

  // On this telephone first, then told. Gives false if there is no place left to keep it.
  add(scan) {
    const { waiting } = this;
    if (waiting.length >= MOST) return false;
    try {
      this.keep([...waiting, scan]);
    } catch {
      return false;
    }
    this.changed();
    this.flush();
    return true;
  }

  drop(scan) {
    this.keep(this.waiting.filter((one) => one.client_id !== scan.client_id));
    this.changed();
  }

  async flush() {
    if (this.busy) return;
    this.busy = true;
    clearTimeout(this.timer);
    try {
      for (let next = this.waiting[0]; next; next = this.waiting[0]) {
        try {
          await this.send(next);
        } catch (problem) {
          if (!("status" in problem)) throw problem;
          const passing = problem.status === 0 || problem.status >= 500 || problem.status === 429 || problem.status === 401;
          if (passing) {
            const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failures++);
            this.timer = setTimeout(() => this.flush(), wait * (0.5 + Math.random() / 2));
            this.changed();
            return;
          }
          this.refused(next, problem);
        }
        this.failures = 0;
        this.drop(next);
      }
    } finally {
      this.busy = false;
    }
  }
}
