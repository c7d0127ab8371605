// A file sent to the hub, with how much of it has arrived there.
import { Problem } from "../console/api.js";
import { language } from "../words.js";

// progress(share 0..1); gives the answer, throws Problem
export function upload(path, file, progress = () => {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("X-Requested-With", "hub");
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Accept-Language", language);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener("error", () => reject(new Problem(0, {})));
    request.addEventListener("load", () => {
      let said = {};
      try {
        said = request.responseText ? JSON.parse(request.responseText) : {};
      } catch {
        said = {};
      }
      if (request.status >= 200 && request.status < 300) resolve(said);
      else reject(new Problem(request.status, said));
    });
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
}

const UNITS = ["B", "kB", "MB", "GB"];
// A size as people say it, of a number of bytes.
export function sizeText(bytes, locale) {
  const step = bytes > 0 ? Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3)) : 0;
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: step ? 1 : 0 }).format(bytes / 1000 ** step)} ${UNITS[step]}`;
}
