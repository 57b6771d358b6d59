// A text: its beginning, or the passage that was found and what stands around it.

import { h } from "./dom.js";
import { said, t } from "./words.js";
import { bodyOf } from "./grid.js";
import { partsOf } from "./times.js";
import * as api from "./api.js";

export class Passage {
  // `long` is told once, where the text goes on past what is shown of it.
  constructor(hit, long = () => {}) {
    this.hit = hit;
    this.whole = hit.whole ?? hit.id;
    this.said = h("p", { class: "quiet" });
    this.text = h("blockquote", { class: "full", dir: "auto", tabindex: 0, "aria-label": hit.name }, bodyOf(hit) || hit.text || hit.name);
    this.list = h("ul", { class: "parts", "aria-label": t("parts_of"), hidden: true });
    this.root = h("div", { class: "passage" }, this.text, this.said, this.list);
    this.parts = partsOf(hit);
    this.open(this.parts[0]).then(() => this.total > this.text.textContent.length && long(this));
  }

  show(parts) {
    this.parts = parts;
    this.open(parts[0]);
  }

  // One passage among others, in place of that which is shown.
  async open(part) {
    let made;
    try {
      made = await api.passage(this.whole, part);
    } catch (error) {
      this.said.textContent = error.message || t("offline");
      return;
    }
    this.total = made.total;
    const gap = (more) => more && h("span", { class: "gap", "aria-hidden": "true" }, "…");
    const marked = part ? h("mark", {}, made.text) : made.text;
    const end = made.stop + made.after.length;
    this.text.replaceChildren(...[gap(made.start > made.before.length), h("span", { class: "beside" }, made.before), marked,
      h("span", { class: "beside" }, made.after), gap(end < made.total)].filter(Boolean));
    this.said.textContent = part ? t("passage_of", percent(made.start, made.total)) : "";
    if (part) this.text.scrollTop = Math.max(0, marked.offsetTop - this.text.offsetTop - 48);
    this.choices(part);
  }

  choices(current) {
    this.list.hidden = this.parts.length < 2;
    this.list.replaceChildren(...this.parts.map((part) => h("li", {}, h("button", {
      type: "button", "data-start": part.start, "aria-pressed": String(part.start === current?.start), onclick: () => this.open(part),
    }, h("b", {}, t("passage_at", percent(part.start, this.total))), part.text && h("span", { dir: "auto" }, bodyOf(part)), h("small", {}, said(part))))));
  }

  close() {}
}

const percent = (at, total) => `${Math.round((100 * at) / Math.max(total, 1))} %`;
