// What is being looked for: words, terms beside them, and filters; also as the address of the page.

import { h, glyph } from "./dom.js";
import { t } from "./words.js";
import * as api from "./api.js";

const AVOID = -0.5;

export const blank = () => ({
  text: "", terms: [], views: [], asked: {}, where: "", least: "", readout: "instance", nearest: false,
});

// Modalities that several views read, each with these views: what is asked belongs to one of them.
let shared = {};

export function know(views) {
  const by = {};
  for (const { name, modality } of views) (by[modality] ??= []).push(name);
  shared = Object.fromEntries(Object.entries(by).filter(([, names]) => names.length > 1));
  return shared;
}

// The view that a query of a modality belongs to; null where there is no choice.
export const viewOf = (query, modality) =>
  (shared[modality] ? query.asked[modality] ?? shared[modality][0] : null);

// A term: {key: "item" | "upload", id, name, modality, weight}
export function askedFor(query) {
  return {
    query: query.text,
    terms: query.terms.map((term) => ({ [term.key]: term.id, weight: term.weight })),
    asked_as: Object.keys(shared).map((modality) => viewOf(query, modality)),
  };
}

export function request(query, k) {
  return {
    ...askedFor(query),
    views: query.views,
    where: query.where,
    min_probability: query.least === "" ? null : Number(query.least),
    readout: query.readout,
    aspects: true,
    k,
  };
}

export const asks = (query) =>
  query.text.trim() !== "" || query.terms.some((term) => term.weight > 0);

export function toHash(query) {
  const parts = new URLSearchParams();
  if (query.text) parts.set("q", query.text);
  for (const term of query.terms) {
    if (term.key === "item") {
      parts.append("t", [term.weight, term.modality, term.id, term.name].join("|"));
    }
  }
  for (const view of query.views) parts.append("v", view);
  for (const view of Object.values(query.asked)) parts.append("a", view);
  if (query.where) parts.set("f", query.where);
  if (query.least) parts.set("p", query.least);
  if (query.readout !== "instance") parts.set("r", query.readout);
  const text = parts.toString();
  return text ? `#${text}` : "";
}

export function fromHash(hash) {
  const parts = new URLSearchParams(hash.slice(1));
  const query = blank();
  query.text = parts.get("q") ?? "";
  query.views = parts.getAll("v");
  query.asked = asked(parts.getAll("a"));
  query.where = parts.get("f") ?? "";
  query.least = parts.get("p") ?? "";
  query.readout = parts.get("r") === "semantic" ? "semantic" : "instance";
  for (const text of parts.getAll("t")) {
    const [weight, modality, id, ...name] = text.split("|");
    if (id) query.terms.push({ key: "item", id, name: name.join("|"), modality, weight: Number(weight) || 1 });
  }
  return query;
}

// From a saved search; names of its items are asked for.
export async function fromRequest(saved) {
  const query = blank();
  Object.assign(query, {
    text: saved.query, views: saved.views, asked: asked(saved.asked_as), where: saved.where, readout: saved.readout,
    least: saved.min_probability === null ? "" : String(saved.min_probability),
  });
  for (const term of saved.terms) {
    if (!term.item) continue;
    const found = await api.item(term.item).catch(() => null);
    if (found) query.terms.push({ key: "item", id: found.id, name: found.name, modality: found.modality, weight: term.weight });
  }
  return query;
}

const asked = (views) => Object.fromEntries(
  Object.entries(shared).flatMap(([modality, names]) => names.filter((name) => views.includes(name)).map((name) => [modality, name])));

// A query with one more filter; a filter has no sign for a quote in a name.
export function narrowed(query, part) {
  const before = query.where.trim();
  if (before === part || before.endsWith(` and ${part}`)) return query;
  return { ...query, where: before ? `(${before}) and ${part}` : part };
}

export const quoted = (value) => `"${String(value).replace(/["\\]/g, "\\$&")}"`;
export const ofLabel = (label) => `label:${quoted(label)}`;

export function addTerm(query, term) {
  const terms = query.terms.filter((each) => each.id !== term.id);
  return { ...query, terms: [...terms, { weight: 1, ...term }], nearest: false };
}

export const avoided = (item) =>
  ({ key: "item", id: item.id, name: item.name, modality: item.modality, weight: AVOID });

export const sought = (item) =>
  ({ key: "item", id: item.id, name: item.name, modality: item.modality, weight: 1 });

// Terms as chips in the search box; `change` is told of others.
export function showTerms(list, terms, change) {
  list.hidden = !terms.length;
  list.replaceChildren(...terms.map((term, place) => {
    const without = () => change(terms.filter((_, i) => i !== place));
    const turned = () => {
      const weight = term.weight > 0 ? AVOID : 1;
      change(terms.map((each, i) => (i === place ? { ...each, weight } : each)));
    };
    const against = term.weight < 0;
    return h("li", { class: against ? "term against" : "term" },
      h("button", {
        type: "button", class: "turn", onclick: turned,
        "aria-label": t(against ? "seek_term" : "avoid_term", term.name),
      }, face(term), against && h("b", {}, t("avoid")), h("span", { dir: "auto" }, term.name)),
      h("button", { type: "button", class: "drop-term", onclick: without, "aria-label": t("remove_term", term.name) }, "×"));
  }));
}

function face(term) {
  if (!["image", "video"].includes(term.modality)) return glyph(term.modality);
  const source = term.key === "item" ? api.thumbnail(term.id, 160) : api.uploaded(term.id);
  return h("img", { src: source, alt: "", width: 24, height: 24 });
}
