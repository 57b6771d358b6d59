// What is liked and disliked, gathered from several cards; recommendations are asked for by all of it.

import { $, h, glyph } from "./dom.js";
import { t } from "./words.js";
import * as api from "./api.js";

const MOST = 60;

export class Likes {
  // `found` takes what is recommended, `failed` an error, `changed` is told of every change.
  constructor({ found, failed, changed, filters }) {
    Object.assign(this, { found, failed, changed, filters, things: new Map() });
    $("like-these").addEventListener("click", () => this.ask());
    $("like-none").addEventListener("click", () => { this.things.clear(); this.show(); $("q").focus(); });
    $("differ").addEventListener("change", () => this.shown && this.ask());
  }

  has(hit) {
    return this.things.get(hit.whole ?? hit.id)?.liked === true;
  }

  get any() {
    return [...this.things.values()].some((each) => each.liked);
  }

  toggle(hit, liked = true) {
    const id = hit.whole ?? hit.id;
    if (this.things.get(id)?.liked === liked) this.things.delete(id);
    else this.things.set(id, { id, name: hit.name, modality: hit.whole_modality ?? hit.modality, liked });
    this.show();
  }

  // What is shown is recommended: a card that is no good is disliked.
  avoid(hit) {
    this.toggle(hit, false);
    return this.ask();
  }

  async ask() {
    if (!this.any) return;
    const chosen = (liked) => [...this.things.values()].filter((each) => each.liked === liked).slice(-MOST).map(({ id }) => ({ item: id }));
    try {
      const made = await api.recommend({ liked: chosen(true), disliked: chosen(false), k: MOST, diversity: Number($("differ").value), ...this.filters() });
      this.shown = true;
      this.found(made);
    } catch (error) {
      this.failed(error);
    }
  }

  show() {
    $("likes").hidden = !this.things.size;
    $("like-these").disabled = !this.any;
    $("liked").replaceChildren(...[...this.things.values()].map((each) => h("li", { class: each.liked ? "term" : "term against" },
      h("span", { class: "turn" }, face(each), h("b", {}, each.liked ? "♥" : t("avoid")), h("span", { dir: "auto" }, each.name)),
      h("button", { type: "button", class: "drop-term", "aria-label": t("remove_term", each.name), onclick: () => this.drop(each.id) }, "×"))));
    this.changed();
  }

  drop(id) {
    this.things.delete(id);
    this.show();
    ($("liked").querySelector("button") ?? $("q")).focus();
  }
}

// Why a card is recommended, in the words of the page.
export function because(hit) {
  const names = hit.reasons.filter((each) => each.liked && each.value > 0).slice(0, 2).map((each) => each.name);
  const away = hit.reasons.find((each) => !each.liked);
  if (!names.length) return away ? t("unlike", away.name) : "";
  const others = hit.reasons.some((each) => each.taken > 0) ? t("others_too") : "";
  return t("because", names.join(t("and"))) + others;
}

// The score as a sum, on hover.
export const summed = (hit) => hit.reasons
  .map((each) => `${each.value < 0 ? "−" : "+"} ${Math.abs(each.value).toFixed(2)} ${each.liked ? "" : `${t("avoid")} `}${each.name}`)
  .join(" ").replace(/^\+ /, "");

function face(each) {
  if (!["image", "video"].includes(each.modality)) return glyph(each.modality);
  return h("img", { src: api.thumbnail(each.id, 160), alt: "", width: 24, height: 24 });
}
