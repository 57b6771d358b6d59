// Predictions: what a predictor says of one record, how sure it is, and why.

import { $, h, glyph, modal } from "./dom.js";
import { t, kind, said } from "./words.js";
import { largestOf, over, side, signed } from "./account.js";
import * as api from "./api.js";

const TOP = 4, PARTS = 8;

const percent = (p) => (p < 0.005 && p > 0 ? "< 1 %" : `${Math.round(100 * p)} %`);

let known = [];

$("open-predict").addEventListener("click", openPredict);

// Which predictors the server has; the page shows nothing of them where there are none.
export async function meet() {
  known = (await api.predictors()).predictors;
  $("open-predict").hidden = !known.length;
  return known;
}

export const all = () => known;

const reads = (predictor, modality) => predictor.views.some((each) => each.modality === modality);

// Buttons of an item: each predictor that reads it; what it says is drawn over the item.
export function ofItem(hit, canvas, player) {
  const file = hit.whole_modality ?? hit.modality;
  const some = known.filter((each) => reads(each, file));
  if (!some.length || hit.gone) return null;
  const told = h("div", { class: "why", "aria-live": "polite" });
  const buttons = some.map((each) => h("button", {
    type: "button", "aria-expanded": "false", onclick: async (event) => {
      const button = event.currentTarget;
      const open = button.getAttribute("aria-expanded") === "true";
      for (const other of buttons) other.setAttribute("aria-expanded", "false");
      clear(canvas);
      told.replaceChildren();
      if (open) return;
      button.setAttribute("aria-expanded", "true");
      await ask(told, { predictor: each.name, things: [{ item: hit.whole ?? hit.id }] }, { canvas, player, modality: file });
    },
  }, t("predict_of", each.target)));
  return h("div", { class: "predicted" }, h("div", { class: "actions" }, ...buttons), told);
}

function clear(canvas) {
  canvas.querySelectorAll(".heat, .pushes").forEach((each) => each.remove());
}

async function ask(told, request, drawn) {
  told.replaceChildren(h("p", { class: "quiet" }, t("predicting")));
  try {
    told.replaceChildren(...answer(await api.predict({ ...request, why: true }), drawn));
  } catch (error) {
    told.replaceChildren(h("p", { class: "problem", role: "alert" }, error.message || t("offline")));
  }
}

// The answer in words first, then its probabilities, then what adds up to it. Without an item to
// draw on it stands below the form, which says already that this is no medical device.
function answer(made, drawn) {
  const { answer: given, account } = made;
  const lines = [];
  if (given.interval) lines.push(t("between", ...given.interval.map((end) => (end === null ? "?" : typeof end === "number" ? short(end) : end))));
  else if (given.likely.length > 1) lines.push(t("may_be", given.likely.slice(1, TOP).join(", ")));
  if (given.abstained) lines.push(t("abstains"));
  if (given.missing.length) lines.push(t("lacks", given.missing.map(kind).join(", ")));
  lines.push(...given.notes.map((note) => `${note}.`));
  return [
    h("div", { class: "verdict" }, h("div", { class: "line likely" }, h("span", {}, h("b", { dir: "auto" }, value(made)), sureness(made)))),
    drawn && made.medical && h("p", { class: "quiet medical" }, t("no_device")),
    lines.length > 0 && h("p", { class: "quiet", dir: "auto" }, lines.join(" ")),
    probabilities(given),
    account && shares(account),
    account && h("p", { class: "quiet key" }, h("span", { class: "swatch for" }), t("supports", account.about), h("span", { class: "swatch against" }), t("opposes", account.about)),
    ...(account ? account.views.map((each) => inside(each, drawn)) : []),
    ...(account ? account.missing.map(missing) : []),
  ].filter(Boolean);
}

const short = (number) => Number(number.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 }).replace("-", "−");

function value({ answer: given, kind: what, target }) {
  if (Array.isArray(given.value)) return given.value.join(", ") || t("no_label");
  if (what === "survival") return `${target}: ${percent(given.value)}`;
  return typeof given.value === "number" ? short(given.value) : given.value;
}

function sureness({ answer: given, kind: what }) {
  if (given.probability === null || what === "survival") return "";
  return ` ${said({ probability: given.probability })}, ${percent(given.probability)}`;
}

const row = (name, number, largest, words) => h("li", {}, h("span", { class: "pair-name", dir: "auto", title: name.title ?? name }, name),
  h("span", { class: `bar ${number < 0 ? "against" : "for"}`, vars: { "--p": Math.abs(number) / largest }, "aria-hidden": "true" }), h("b", {}, words));

function probabilities(given) {
  const top = Object.entries(given.probabilities).sort((a, b) => b[1] - a[1]).slice(0, TOP);
  return top.length > 1 && h("ul", { class: "pairs plain-bars" }, ...top.map(([name, p]) => row(name, p, 1, percent(p))));
}

function shares(account) {
  // Of a date, what all records share is a date, and views add days to it.
  const alike = [t("all_alike"), account.rest_date ? 0 : account.rest, account.rest_date || signed(account.rest)];
  const parts = [alike, ...account.views.map((each) => [kind(each.view), each.share, signed(each.share)])];
  const largest = Math.max(1e-9, ...parts.map(([, number]) => Math.abs(number)));
  return h("div", { class: "account shares" }, h("h3", {}, t("adds_up", account.about)),
    h("ul", { class: "pairs" }, ...parts.map(([name, number, words]) => row(name, number, largest, words))),
    h("p", { class: "quiet" }, t("score_of", account.about, account.score_date || signed(account.score))));
}

// Inside one view: drawn over the item that is shown, as words, or as columns.
function inside(view, drawn) {
  const texts = view.modality === "text";
  const parts = view.parts.map((part) => ({ ...part, text: texts ? part.label : null, start: texts ? null : part.start }));
  const own = { ...view, parts };
  if (view.modality !== "columns") {
    const here = drawn && drawn.modality === view.modality;
    if (here) return over(drawn.canvas, own, drawn.player, kind(view.view));
    if (texts || !parts.length) return side(kind(view.view), own);
  }
  const strongest = [...parts].sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, PARTS);
  const largest = largestOf(strongest);
  return h("div", { class: "account" }, h("h3", {}, kind(view.view)),
    h("ul", { class: "pairs" }, ...strongest.map((part) => row(part.label, part.value, largest, signed(part.value)))),
    h("p", { class: "quiet" }, `${t("start")} ${signed(view.baseline)}, ${t("parts")} ${signed(view.share - view.baseline)}`));
}

const missing = (gone) => h("p", { class: "quiet", dir: "auto" },
  t("would_change", kind(gone.view), gone.neighbours, gone.change.toFixed(2)) + (gone.turned === null ? "" : ` ${t("would_turn", percent(gone.turned), gone.instead)}`));

// The form for one record: a field for each view and each column, any of them left empty.
export function openPredict() {
  const dialog = $("predict");
  const body = h("div", { class: "add-form" });
  const told = h("div", { class: "why", "aria-live": "polite" });
  const chosen = h("select", { id: "predictor", onchange: () => fill() }, ...known.map((each) => h("option", { value: each.name }, `${each.name} (${each.target})`)));
  const fill = () => {
    told.replaceChildren();
    body.replaceChildren(...fields(known.find((each) => each.name === chosen.value), told));
  };
  dialog.replaceChildren(h("div", { class: "detail-head" }, h("h2", { id: "predict-title" }, t("predict_one")),
    h("button", { type: "button", onclick: () => dialog.close(), "aria-label": t("close"), title: t("close") }, "×")),
  ...(known.length > 1 ? [h("label", { class: "pick", for: "predictor" }, h("span", {}, t("predictor")), chosen)] : []), body, told);
  fill();
  modal(dialog);
}

function fields(predictor, told) {
  const things = new Map(), columns = new Map();
  const views = predictor.views.filter((each) => each.modality !== "vector").map(({ name, modality }) => {
    const id = `view-${name}`;
    const field = modality === "text"
      ? h("textarea", { id, rows: 3, maxlength: 100000, dir: "auto" })
      : h("input", { id, type: "file", accept: `${modality}/*` });
    things.set(name, field);
    return [h("label", { for: id }, glyph(modality), ` ${kind(name)}`), field];
  });
  const plain = predictor.columns.map(({ name, kind: reads, values }, place) => {
    const id = `column-${place}`;
    const hint = reads === "date" ? { placeholder: "2026-01-31", inputmode: "text" } : { inputmode: reads === "number" ? "decimal" : "text" };
    const field = reads !== "category" || !values.length
      ? h("input", { id, type: "text", ...hint, maxlength: 1000, dir: "auto" })
      : h("select", { id }, h("option", { value: "" }, "–"), ...values.map((each) => h("option", { value: each }, each)));
    columns.set(name, field);
    return h("div", { class: "column" }, h("label", { for: id, dir: "auto" }, name), field);
  });
  if (!things.size && !plain.length) return [h("p", { class: "quiet" }, t("vectors_only"))];
  const send = async (event) => {
    event.preventDefault();
    const given = [];
    told.replaceChildren(h("p", { class: "quiet" }, t("predicting")));
    try {
      for (const [view, field] of things) {
        if (field.type === "file" && field.files[0]) given.push({ upload: (await api.upload(field.files[0])).upload, view });
        else if (field.type !== "file" && field.value.trim()) given.push({ text: field.value, view });
      }
    } catch (error) {
      told.replaceChildren(h("p", { class: "problem", role: "alert" }, error.message || t("offline")));
      return;
    }
    const plainly = Object.fromEntries([...columns].filter(([, field]) => field.value.trim()).map(([name, field]) => [name, field.value]));
    await ask(told, { predictor: predictor.name, things: given, columns: plainly });
  };
  return [h("form", { class: "add-form", onsubmit: send },
    predictor.headline && h("p", { class: "quiet" }, t("how_good", predictor.target, predictor.headline)),
    predictor.medical && h("p", { class: "quiet medical" }, t("no_device")),
    ...views.flat(), plain.length > 0 && h("div", { class: "columns" }, ...plain),
    h("button", { type: "submit", class: "first" }, t("predict")))];
}
