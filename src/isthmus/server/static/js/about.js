// What is known of a result beside its content: where its words come from, what its file says of
// itself, its copies, and a search within it.

import { h } from "./dom.js";
import { likelihood, t } from "./words.js";
import { bodyOf, numberOf, originOf } from "./grid.js";
import { askedFor, blank, quoted } from "./query.js";
import { stretch, timed } from "./times.js";
import * as api from "./api.js";

const MOST = 20;

// Words that were read from a picture or heard in a recording, marked as such.
export function origin(hit) {
  return hit.origin && h("div", { class: "origin" }, h("h3", {}, originOf(hit)),
    h("blockquote", { dir: "auto" }, bodyOf(hit) || hit.text));
}

export function copies(hit) {
  if (!hit.copies?.length) return null;
  return h("details", { class: "copies" }, h("summary", {}, t("copies", hit.copies.length + 1)),
    h("ul", {}, ...[hit.source, ...hit.copies].map((source) => h("li", { dir: "auto" }, source))));
}

// ---- what the file says of itself, and the filters that find its like

const plain = (value) => String(Number(Number(value).toFixed(6)));

// Fields that belong together are one line; each line is [name, words, filter].
export function lines(fields) {
  const left = { ...fields };
  const made = [];
  const take = (...names) => names.every((name) => name in left) && names.map((name) => [left[name], delete left[name]][0]);
  const place = take("lat", "lon");
  const size = take("width", "height");
  const long = take("duration");
  const taken = take("taken");
  for (const [name, value] of Object.entries(left)) {
    made.push([name, String(value), typeof value === "number" ? `${name}:${plain(value)}` : `${name}:${quoted(value)}`]);
  }
  if (taken) made.unshift(["taken", String(taken[0]).slice(0, 16).replace("T", " "), `taken:${String(taken[0]).slice(0, 10)}`]);
  if (place) made.push(["place", place.map((each) => Number(each).toFixed(4)).join(", "), `near:${place.map(plain).join(",")},1km`]);
  if (size) made.push(["pixels", size.join(" × "), `width:${plain(size[0])} and height:${plain(size[1])}`]);
  if (long) made.push(["duration", stretch([0, long[0]]).split("–")[1], `duration>=${plain(0.9 * long[0])} and duration<=${plain(1.1 * long[0])}`]);
  return made;
}

export const fieldName = (name) => (t(`field_${name}`).startsWith("field_") ? name : t(`field_${name}`));

// ---- a search within the file

export function inside(hit, player) {
  const found = h("ol", { class: "inside-found" });
  const said = h("p", { class: "quiet", role: "status" });
  const words = h("input", { type: "text", maxlength: 2000, "aria-label": t("inside"), placeholder: t("inside"), dir: "auto" });
  const search = async (event) => {
    event.preventDefault();
    if (!words.value.trim()) return;
    said.textContent = t("loading");
    found.replaceChildren();
    try {
      const answer = await api.search({ ...askedFor({ ...blank(), text: words.value }), within: hit.whole ?? hit.id, k: MOST });
      const hits = answer.hits.filter((each) => each.span);
      said.textContent = hits.length ? (answer.nothing_matches ? t("nearest_said") : "") : t("inside_none");
      const parts = hits.map((each) => ({ start: each.span[0], stop: each.span[1], probability: each.probability, words: each.words, text: each.text }));
      if (parts.length) player.show(parts);
      found.replaceChildren(...hits.map((each, place) => h("li", {}, h("button", { type: "button", onclick: () => player.open(parts[place]) },
        h("b", {}, timed(each) ? stretch(each.span) : t("a_passage")), h("span", { dir: "auto" }, timed(each) && !each.origin ? "" : bodyOf(each) || each.text),
        h("small", { title: numberOf(each) }, likelihood(each.words))))));
    } catch (error) {
      said.textContent = error.message || t("offline");
    }
  };
  return h("form", { class: "inside", role: "search", onsubmit: search },
    h("div", { class: "inline" }, words, h("button", {}, t("search"))), said, found);
}
