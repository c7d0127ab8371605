// Labels read by the camera, where the browser can read codes and the hub's policy lets this page use it.
const EVERY_MS = 250;
const SAME_AGAIN_MS = 4000;

const allowed = () => (document.featurePolicy ? document.featurePolicy.allowsFeature("camera") : true);
export const cameraCan = () => "BarcodeDetector" in window && Boolean(navigator.mediaDevices?.getUserMedia) && allowed();

export class Camera {
  // found(text): a label was read
  constructor(video, found) {
    Object.assign(this, { video, found, on: false, last: "", lastMs: 0 });
    document.addEventListener("visibilitychange", () => document.hidden && this.stop());
  }

  async start() {
    this.detector ??= new BarcodeDetector();
    this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    this.video.srcObject = this.stream;
    this.video.hidden = false;
    await this.video.play();
    this.on = true;
    this.look();
  }

  async look() {
    if (!this.on) return;
    const codes = await this.detector.detect(this.video).catch(() => []);
    for (const { rawValue } of codes) {
      if (rawValue === this.last && Date.now() - this.lastMs < SAME_AGAIN_MS) continue;
      [this.last, this.lastMs] = [rawValue, Date.now()];
      this.found(rawValue);
    }
    setTimeout(() => this.look(), EVERY_MS);
  }

  stop() {
    this.on = false;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.video.hidden = true;
  }
}
