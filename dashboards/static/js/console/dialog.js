// A question with a form: Escape and Cancel leave everything as it was, a refusal is shown where it was asked.
import { hidden, part, text } from "../dom.js";

export class Question {
  constructor(id) {
    this.dialog = document.getElementById(id);
    this.form = this.dialog.querySelector("form");
    this.problem = part(this.dialog, "problem");
    part(this.dialog, "cancel").addEventListener("click", () => this.dialog.close());
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    // the row that was asked about may have been drawn anew meanwhile: focus must not fall out of the page
    this.dialog.addEventListener("close", () => this.closed?.(this.done));
  }

  // closed(done): where to go on, after an answer or without one
  ask(subject, answer, closed) {
    Object.assign(this, { answer, closed, done: false });
    this.form.reset();
    hidden(this.problem, true);
    text(part(this.dialog, "subject"), subject);
    this.dialog.showModal();
    this.form.querySelector("textarea, input")?.focus();
  }

  async submit(event) {
    event.preventDefault();
    const send = this.form.querySelector("[type=submit]");
    if (send.disabled) return; // sent already
    send.disabled = true;
    try {
      await this.answer();
      this.done = true;
      this.dialog.close();
    } catch (problem) {
      text(this.problem, problem.message);
      hidden(this.problem, false);
    } finally {
      send.disabled = false;
    }
  }
}
