// Results as rows of whole pictures, filled a few at a time, so that nothing ever stalls.

import { h, glyph, kindOf, later } from "./dom.js";
import { t, agrees, kind, likelihood } from "./words.js";
import { curve, playButton } from "./player.js";
import { clock, stretch, timed, where } from "./times.js";
import { because, summed } from "./likes.js";
import * as api from "./api.js";

// `FOOT` is about what words take; a row that is in view takes what it needs.
const GAP = 16, FOOT = 56, SHOWN_TAGS = 3, AT_ONCE = 16;
// Of a tile, width over height; and how many pixels of width the words below it need.
const NARROWEST = 0.6, WIDEST = 3, LEAST = 88, TALLER = 1.5;
const ASPECTS = { audio: 1.7, text: 1.45, video: 1.6 };

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    entry.target.draw?.();
  }
}, { rootMargin: "600px" });

export class Grid {
  // `more` is asked for when the end comes near, `chosen` when a tile is opened or steered by,
  // `labelled` when a label is clicked; `liked` says whether a card is.
  constructor(root, { more, chosen, labelled, liked }) {
    Object.assign(this, { root, more, chosen, labelled, liked, hits: [], tiles: [], run: 0 });
    this.end = h("div", { class: "end", "aria-hidden": "true" });
    root.after(this.end);
    new IntersectionObserver((entries) => {
      this.near = entries.some((each) => each.isIntersecting);
      if (this.near && this.tiles.length === this.hits.length) this.more();
    }, { rootMargin: "1200px" }).observe(this.end);
    addEventListener("resize", later(150, () => this.width !== this.root.clientWidth && this.layOut()));
    root.addEventListener("click", (event) => this.click(event));
    root.addEventListener("focusin", (event) => {
      const tile = event.target.closest(".tile");
      if (tile) this.rove(tile);
    });
  }

  show(hits) {
    this.run += 1;
    this.hits = [];
    this.tiles = [];
    this.root.replaceChildren();
    this.open = null;
    this.append(hits);
  }

  append(hits) {
    this.hits.push(...hits);
    if (hits.length) this.work(this.run);
  }

  // A few tiles a frame, in rows that are full; the last row may stay short.
  work(run) {
    this.measure();
    for (const hit of this.hits.slice(this.tiles.length, this.tiles.length + AT_ONCE)) {
      const tile = this.tile(hit, this.tiles.length);
      this.tiles.push(tile);
      this.place(tile);
    }
    if (this.tiles.length < this.hits.length) requestAnimationFrame(() => run === this.run && this.work(run));
    else if (this.near) setTimeout(() => run === this.run && this.near && this.more(), 0);
  }

  layOut() {
    this.open = null;
    this.measure();
    const fragment = document.createDocumentFragment();
    for (const tile of this.tiles) this.place(tile, fragment);
    this.root.replaceChildren(fragment);
  }

  measure() {
    this.width = this.root.clientWidth;
    this.high = this.width < 560 ? 150 : 200;
  }

  place(tile, into = this.root) {
    if (this.open && this.crowds(tile)) {
      this.size(this.open, TALLER * this.high);
      this.open = null;
    }
    if (!this.open) {
      this.open = h("div", { class: "row", role: "presentation" });
      Object.assign(this.open, { aspects: 0, least: WIDEST });
      into.append(this.open);
    }
    const row = this.open;
    row.append(tile);
    row.aspects += tile.aspect;
    row.least = Math.min(row.least, tile.aspect);
    if (this.size(row, this.high)) this.open = null;
  }

  // Whether one more tile would leave too little width for the words below the narrowest.
  crowds(tile) {
    const { aspects, least, childElementCount } = this.open;
    const high = (this.width - GAP * childElementCount) / (aspects + tile.aspect);
    return high < this.high && high * Math.min(least, tile.aspect) < LEAST;
  }

  // Tiles of a row as high as fills it, or as they may be at most; returns whether it is full.
  size(row, most) {
    const full = (this.width - GAP * (row.childElementCount - 1)) / row.aspects;
    const high = Math.min(most, full);
    for (const tile of row.children) {
      tile.style.setProperty("--wide", `${(high * tile.aspect).toFixed(2)}px`);
      tile.style.setProperty("--tall", `${high.toFixed(2)}px`);
    }
    row.style.setProperty("--high", `${high + FOOT}px`);
    return full <= most;
  }

  tile(hit, place) {
    const tile = h("div", {
      class: `tile ${kindOf(hit.modality)}${hit.gone ? " is-gone" : ""}`, role: "listitem", "data-place": place,
    });
    const file = hit.whole_modality ?? hit.modality;
    tile.aspect = hit.aspect ? Math.min(Math.max(hit.aspect, NARROWEST), WIDEST) : ASPECTS[file] ?? 1;
    const main = h("button", {
      type: "button", class: "open", tabindex: place ? -1 : 0, "aria-label": label(hit), "aria-haspopup": "dialog",
    }, this.face(hit, tile, file), badge(hit), words(hit));
    tile.append(main);
    if (file === "audio") tile.append(playButton(hit, -1));
    tile.append(foot(hit), h("div", { class: "steer" },
      steer("like", "♥", hit, this.liked(hit)), steer("more", "+", hit), steer("not", "−", hit), steer("explain", "?", hit)));
    if (hit.labels?.length) tile.append(someTags(hit));
    tile.classList.toggle("is-liked", this.liked(hit));
    return tile;
  }

  face(hit, tile, file) {
    // of a part of another modality, such as words that were read, what it was read from is shown
    const id = file === hit.modality ? hit.id : hit.whole;
    if (file === "image" || file === "video") {
      const image = h("img", { alt: "", loading: "lazy", decoding: "async", src: api.thumbnail(id) });
      image.addEventListener("error", () => {
        if (file === "video" && !hit.gone) image.replaceWith(h("span", { class: "no-face" }, glyph(file)));
        else tile.classList.add("is-gone");
      }, { once: true });
      return image;
    }
    if (file === "audio") {
      const { drawn, draw } = curve(id);
      tile.draw = draw;
      seen.observe(tile);
      return drawn;
    }
    return h("span", { class: "words", dir: "auto" }, bodyOf(hit) || hit.name);
  }

  click(event) {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    const hit = this.hits[tile.dataset.place];
    const action = event.target.closest("[data-action]")?.dataset.action;
    const label = event.target.closest("[data-label]")?.dataset.label;
    if (action) this.chosen(action, hit, tile);
    else if (label !== undefined) this.labelled(label);
    else if (event.target.closest(".open, .foot")) this.chosen("open", hit, tile);
  }

  // Hearts as they are now.
  mark() {
    for (const tile of this.tiles) {
      const now = this.liked(this.hits[tile.dataset.place]);
      tile.classList.toggle("is-liked", now);
      tile.querySelector('[data-action="like"]').setAttribute("aria-pressed", String(now));
    }
  }

  rove(tile) {
    const before = this.root.querySelector('.open[tabindex="0"]');
    if (before) before.tabIndex = -1;
    tile.querySelector(".open").tabIndex = 0;
  }

  get focused() {
    return document.activeElement?.closest?.(".tile");
  }

  focus(place) {
    const tile = this.tiles[place];
    if (!tile) return;
    tile.querySelector(".open").focus();
    tile.scrollIntoView({ block: "nearest" });
  }

  move(key) {
    const tile = this.focused;
    if (!tile) return this.focus(0);
    const place = Number(tile.dataset.place);
    if (key === "ArrowLeft") return this.focus(place - 1);
    if (key === "ArrowRight") return this.focus(place + 1);
    const row = key === "ArrowDown" ? tile.parentElement.nextElementSibling : tile.parentElement.previousElementSibling;
    if (!row) return undefined;
    const middle = tile.offsetLeft + tile.offsetWidth / 2;
    const off = (each) => Math.abs(each.offsetLeft + each.offsetWidth / 2 - middle);
    const next = [...row.children].reduce((best, each) => (off(each) < off(best) ? each : best));
    return this.focus(Number(next.dataset.place));
  }
}

// The first labels of an item; the keyboard finds all of them where the item is open.
const someTags = (hit) => h("div", { class: "tags" },
  ...hit.labels.slice(0, SHOWN_TAGS).map((each) => tag(each, { tabindex: -1 })),
  hit.labels.length > SHOWN_TAGS && h("small", {}, `+${hit.labels.length - SHOWN_TAGS}`));

export const tag = ({ label, probability }, more = {}) => h("button", {
  type: "button", class: "tag", "data-label": label, dir: "auto", "aria-label": t("filter_label", label),
  title: probability === undefined ? label : `${label} ${Math.round(100 * probability)} %`, ...more,
}, label);

function steer(action, sign, hit, pressed) {
  const state = pressed === undefined ? {} : { "aria-pressed": String(pressed) };
  return h("button", { type: "button", tabindex: -1, "data-action": action, ...state, title: t(action), "aria-label": `${t(action)}: ${hit.name}` }, sign);
}

// How long a recording is, or which part of it was found.
function badge(hit) {
  if (!timed(hit)) return null;
  const said = hit.span ? stretch(hit.span) : hit.seconds && clock(Math.max(hit.seconds, 1));
  return said && h("small", { class: hit.span ? "badge part" : "badge", "aria-hidden": "true" }, said);
}

export const originOf = (hit) => hit.origin
  && t(hit.origin === "speech" ? "heard" : hit.whole_modality === "video" ? "read_video" : "read");

// What was read from a picture, or heard, over the picture.
const words = (hit) => hit.origin && h("span", { class: "read", dir: "auto" }, `“${bodyOf(hit) || hit.text}”`);

export const bodyOf = (hit) => {
  const at = hit.text.indexOf("\n");
  return at < 0 ? "" : hit.text.slice(at + 1);
};

// A name that may go on in the next line after a mark, and not only where its line is full.
const breakable = (name) => name.split(/(?<=[_.-])/).flatMap((part, at) => (at ? [h("wbr"), part] : [part]));

function foot(hit) {
  const has = "words" in hit && hit.words !== undefined;
  const file = hit.whole_modality ?? hit.modality;
  return h("div", { class: "foot" },
    h("div", { class: "line" }, glyph(file), h("span", { class: "name", dir: "auto", title: hit.source }, ...breakable(hit.name))),
    h("div", { class: "said-of" },
      hit.copies?.length > 0 && h("button", { type: "button", class: "fold", tabindex: -1, "data-action": "copies" }, t("copies", hit.copies.length + 1)),
      hit.view !== file && h("small", { class: "of-view", dir: "auto" }, hit.view === hit.modality ? kind(hit.view) : hit.view),
      has && likely(hit),
      hit.reasons && h("div", { class: "likely", title: summed(hit) }, h("span", { dir: "auto" }, because(hit)))));
}

const standing = ({ rank, among, clear }) => (rank > 1 ? t("rank_of", rank, among) : t(clear ? "clear_best_of" : "best_of", among));

// What is fainter is told as one, and views take turns there.
const FAINT = 0.1;
export const percent = (probability) => (probability < FAINT ? `< ${100 * FAINT} %` : `${Math.round(100 * probability)} %`);

// The probability of a hit, where its words say the same.
export const numberOf = (hit) => (agrees(hit) ? percent(hit.probability) : "");

// In words first; the number on hover, and as a thin bar.
export function likely(hit) {
  const number = numberOf(hit);
  const by = hit.modality === "text" ? "words" : "name";
  const name = hit.named ? t(`by_${by}`) : hit.partly_named && t(`partly_by_${by}`);
  const said = [where(hit), originOf(hit), name, likelihood(hit.words), hit.standing && standing(hit.standing), hit.gone && t("gone")].filter(Boolean);
  return h("div", { class: "likely", title: number },
    h("span", {}, ...said.map((each, at) => h("bdi", {}, at < said.length - 1 ? `${each} · ` : each))),
    number && h("span", { class: "bar", vars: { "--p": Math.max(FAINT, hit.probability) }, "aria-hidden": "true" }));
}

function label(hit) {
  const said = hit.words === undefined ? "" : `, ${likelihood(hit.words)}`;
  const labels = hit.labels?.length ? `, ${t("labels")}: ${hit.labels.map((each) => each.label).join(", ")}` : "";
  const more = [where(hit), originOf(hit), hit.reasons && because(hit), hit.copies?.length && t("copies", hit.copies.length + 1)];
  return [`${kind(hit.view)}: ${hit.name}`, ...more].filter(Boolean).join(", ") + said + labels;
}
