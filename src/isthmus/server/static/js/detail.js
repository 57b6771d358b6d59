// One result in full: the thing itself, how likely it is, why, and where to go from here.

import { $, h, s, glyph, modal } from "./dom.js";
import { t, kind, language } from "./words.js";
import { likely, numberOf, tag } from "./grid.js";
import { stop } from "./player.js";
import { Timeline } from "./timeline.js";
import { Passage } from "./passage.js";
import { copies, fieldName, inside, lines, origin } from "./about.js";
import { stretch, timed } from "./times.js";
import { largestOf, over, side, signed } from "./account.js";
import { ofItem } from "./predict.js";
import * as api from "./api.js";

const dialog = $("detail");
let shown = null;
let running = null;
let player = null;

const SEEN = 640; // pixels of the longer side of a picture
const LONG = 60; // seconds from which a recording is searched from within

dialog.addEventListener("close", () => {
  stop();
  player?.close();
  player = null;
  running?.abort();
  dialog.replaceChildren();
});

// `around` says what stands before and after, `steer` takes "like", "more" and "not",
// `asked` is the prompt that is sent to be explained, or null where there is none,
// `labelled` takes a label to filter by, `filtered` a filter.
export function open(hit, { around, steer, asked, labelled, filtered }) {
  running?.abort();
  stop();
  player?.close();
  shown = { hit, around, steer, asked };
  const within = h("div", { class: "within" });
  const canvas = h("div", { class: `thing ${hit.whole_modality ?? hit.modality}` }, thing(hit, (own) => within.childElementCount || within.append(inside(hit, own))));
  const why = h("div", { class: "why", "aria-live": "polite" });
  const explainButton = h("button", { type: "button", class: "wide", "aria-expanded": "false", onclick: () => explain(canvas, why, explainButton) }, t("explain"));
  const copy = h("button", {
    type: "button", onclick: () => navigator.clipboard?.writeText(hit.source).then(() => { copy.textContent = t("copied"); }, () => {}),
  }, t("copy"));
  const act = (action) => () => { dialog.close(); steer(action, hit); };
  dialog.replaceChildren(
    h("div", { class: "detail-head" },
      h("h2", { id: "detail-name" }, glyph(hit.whole_modality ?? hit.modality), h("span", { class: "sr" }, `${kind(hit.view)}: `), h("span", { dir: "auto", title: hit.name }, hit.name)),
      h("div", { class: "pager" },
        h("button", { type: "button", onclick: () => around(-1), "aria-label": t("previous"), title: t("previous") }, "‹"),
        h("button", { type: "button", onclick: () => around(1), "aria-label": t("next"), title: t("next") }, "›"),
        h("button", { type: "button", onclick: () => dialog.close(), "aria-label": t("close"), title: t("close") }, "×"))),
    h("div", { class: "detail-body" }, canvas,
      h("div", { class: "side" },
        hit.words !== undefined && h("div", { class: "verdict" }, likely(hit),
          numberOf(hit) && h("span", { class: "number" }, numberOf(hit))),
        h("div", { class: "actions" },
          h("button", { type: "button", onclick: act("like") }, t("like")),
          h("button", { type: "button", onclick: act("more") }, t("more")),
          h("button", { type: "button", onclick: act("not") }, t("not")),
          asked && explainButton),
        hit.labels?.length > 0 && h("ul", { class: "tags", "aria-label": t("labels") }, ...hit.labels.map((each) => h("li", {},
          tag(each, { onclick: () => { dialog.close(); labelled(each.label); } }), h("small", {}, `${Math.round(100 * each.probability)} %`)))),
        origin(hit),
        shares(hit),
        why,
        ofItem(hit, canvas, player),
        within,
        copies(hit),
        facts(hit, filtered),
        h("div", { class: "actions quiet" },
          !hit.gone && h("a", { href: api.media(hit.whole ?? hit.id), target: "_blank", rel: "noopener" }, t("open_file")), copy))));
  modal(dialog);
  dialog.querySelector(".pager button:last-child").focus();
}

export function key(event) {
  if (!dialog.open || !shown) return false;
  const keys = { ArrowLeft: () => shown.around(-1), ArrowRight: () => shown.around(1),
    l: () => { dialog.close(); shown.steer("like", shown.hit); }, m: () => { dialog.close(); shown.steer("more", shown.hit); }, n: () => { dialog.close(); shown.steer("not", shown.hit); },
    e: () => dialog.querySelector(".actions .wide")?.click() };
  if (!(event.key in keys) || event.target.closest("audio, video, input, select, .full")) return false;
  keys[event.key]();
  return true;
}

export function explainNow() {
  dialog.querySelector(".actions .wide")?.click();
}

export function unfold() {
  const folded = dialog.querySelector(".copies");
  if (!folded) return;
  folded.open = true;
  folded.querySelector("summary").focus();
}

// What it is, as the file has it; `long` is told where it is worth a search of its own.
function thing(hit, long) {
  const file = hit.whole_modality ?? hit.modality;
  player = null;
  if (file === "image") {
    // as large as it will be, before it is there
    const vars = hit.aspect && { "--aspect": hit.aspect, "--own": `${hit.fields?.width ?? SEEN}px` };
    return h("div", { class: vars ? "picture known" : "picture", vars: vars || {} },
      h("img", { src: api.thumbnail(hit.whole ?? hit.id, SEEN), alt: hit.name }));
  }
  if (file === "audio" || file === "video") player = new Timeline(hit);
  else if (file === "text") player = new Passage(hit, long);
  else return h("blockquote", { class: "full", dir: "auto" }, hit.text || hit.name);
  if (hit.span || hit.seconds > LONG) long(player);
  return player.root;
}

function facts(hit, filtered) {
  const list = h("dl", { class: "facts" });
  const add = (name, value) => value && list.append(h("dt", {}, name), h("dd", { dir: "auto" }, value));
  add(t("path"), hit.source);
  if (hit.view !== hit.modality) add(t("view"), hit.view);
  add(t("span"), hit.span && timed(hit) && stretch(hit.span));
  if (hit.cosine !== undefined) add(t("cosine"), hit.cosine.toFixed(2));
  for (const [name, words, filter] of lines(hit.fields ?? {})) {
    add(fieldName(name), h("button", {
      type: "button", class: "field", "aria-label": t("filter_field", fieldName(name), words),
      onclick: () => { dialog.close(); filtered(filter); },
    }, words));
  }
  // their lines are there at once, so that nothing moves when they are known
  const [large, added] = [h("span", {}, "\u00a0"), h("span", {})];
  add(t("size"), large);
  add(t("added"), added);
  api.item(hit.whole ?? hit.id).then((item) => {
    large.textContent = size(item.size);
    added.textContent = new Date(1000 * item.added).toLocaleDateString(language === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium" });
  }, () => {});
  return list;
}

const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

async function explain(canvas, why, button) {
  if (why.childElementCount) {
    why.replaceChildren();
    canvas.querySelectorAll(".heat, .pushes").forEach((each) => each.remove());
    button.textContent = t("explain");
    button.setAttribute("aria-expanded", "false");
    return;
  }
  const { hit, asked } = shown;
  running = new AbortController();
  button.disabled = true;
  why.replaceChildren(h("p", { class: "quiet" }, t("explaining")));
  try {
    const made = await api.explain(asked, hit.id, running.signal);
    if (shown.hit !== hit) return;
    why.replaceChildren(...[
      h("p", { class: "reason" }, language === "zh" ? t("score_said", signed(made.score), Math.floor(100 * (made.above ?? 0))) : made.said[0]),
      side(t("of_query"), made.query), over(canvas, made.item, player),
      signs(), pairs(made.pairs), h("p", { class: "quiet" }, `${t("sums")}, ${signed(made.score)}.`)].filter(Boolean));
    button.textContent = t("hide");
    button.setAttribute("aria-expanded", "true");
  } catch (error) {
    if (error.name !== "AbortError") why.replaceChildren(h("p", { class: "problem" }, error.message));
  } finally {
    button.disabled = false;
  }
}

// What each part of a prompt of several adds to the score by which results are ranked.
function shares(hit) {
  if (!(hit.shares?.length > 1)) return null;
  const largest = Math.max(1e-9, ...hit.shares.map((share) => Math.abs(share.value)));
  return h("div", { class: "account shares" }, h("h3", {}, t("of_parts")),
    h("ul", { class: "pairs" }, ...hit.shares.map((share) => h("li", {},
      h("span", { class: "pair-name", dir: "auto" }, share.part === "avoid" ? `${t("avoid")} ${share.prompt}` : share.prompt),
      h("span", { class: `bar ${share.value < 0 ? "against" : "for"}`, vars: { "--p": Math.abs(share.value) / largest }, "aria-hidden": "true" }),
      h("b", {}, signed(share.value))))),
    h("p", { class: "quiet" }, t("ranked_by", signed(hit.score))));
}

const signs = () => h("p", { class: "quiet key" }, h("span", { class: "swatch for" }), t("speaks_for"), h("span", { class: "swatch against" }), t("speaks_against"));

function pairs(account) {
  if (!account.listed.length) return null;
  const some = account.listed.slice(0, 5);
  const largest = Math.max(1e-9, ...some.map((pair) => Math.abs(pair.value)));
  const rest = account.listed.slice(5).reduce((total, pair) => total + pair.value, account.others + account.residual);
  return h("div", { class: "account" }, h("h3", {}, t("of_pairs")),
    h("ul", { class: "pairs" }, ...some.map((pair) => h("li", {}, h("span", { class: "pair-name", dir: "auto" }, pair.id),
      h("span", { class: `bar ${pair.value < 0 ? "against" : "for"}`, vars: { "--p": Math.abs(pair.value) / largest }, "aria-hidden": "true" }), h("b", {}, signed(pair.value))))),
    h("p", { class: "quiet" }, t("others", account.count - some.length, signed(rest))));
}
