// A recording or a video from its beginning to its end: the player, what it holds along the time,
// and where the hit and further parts lie in it.

import { h } from "./dom.js";
import { said, t } from "./words.js";
import { button, curve, keepTo, show } from "./player.js";
import { clock, partsOf, stretch } from "./times.js";
import * as api from "./api.js";

const FRAMES = () => (innerWidth < 700 ? 6 : 10);
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Timeline {
  // Of a hit or an item; its parts are what it is found by.
  constructor(hit) {
    this.hit = hit;
    this.whole = hit.whole ?? hit.id;
    this.filmed = (hit.whole_modality ?? hit.modality) === "video";
    this.seconds = hit.seconds ?? 0;
    this.stage = h("div", { class: "stage" });
    this.head = h("i", { class: "head" });
    this.lane = h("div", { class: "lane" }, this.head);
    this.seek = h("input", { type: "range", class: "seek", min: 0, step: 0.1, value: 0, "aria-label": t("position"), hidden: true });
    this.time = h("span", { class: "time" });
    this.list = h("ul", { class: "parts", "aria-label": t("parts_of"), hidden: true });
    this.stopped = h("p", { class: "held", role: "status" });
    this.root = h("div", { class: this.filmed ? "film" : "sound" }, this.stage,
      h("div", { class: "track" }, ...this.along(), this.lane), this.seek,
      h("div", { class: "controls" }, this.time, this.stopped), this.list);
    this.lane.addEventListener("click", (event) => {
      if (event.target === this.lane) this.go((this.seconds * event.offsetX) / this.lane.clientWidth);
    });
    this.seek.addEventListener("input", () => this.go(Number(this.seek.value)));
    this.show(partsOf(hit));
    if (this.filmed) this.film();
    else this.sound();
  }

  // What the file holds along the time: frames, and loudness where it is about the sound.
  along() {
    const { hit, whole, filmed } = this;
    const heard = !filmed || hit.modality === "audio" || hit.origin === "speech";
    const strip = filmed && h("img", { class: "strip", src: api.strip(whole, FRAMES()), alt: t("strip_of", hit.name) });
    strip && strip.addEventListener("error", () => strip.classList.add("none"), { once: true });
    const wave = heard && curve(whole);
    wave && wave.draw();
    return [strip, wave && h("div", { class: "curve" }, wave.drawn)];
  }

  async film() {
    const { hit } = this;
    let type = "";
    try {
      type = await api.mediaType(this.whole);
    } catch (error) {
      return this.cannot(error.status === 0 ? t("offline") : t("changed"));
    }
    if (type.startsWith("image/") && !calm()) {
      this.stage.replaceChildren(h("img", { class: "screen", src: api.media(this.whole), alt: hit.name }));
      return undefined;
    }
    const screen = h("video", { class: "screen", controls: true, playsinline: true, preload: "metadata", "aria-label": hit.name, poster: api.thumbnail(this.face, 640) });
    if (!type.startsWith("video/") || !screen.canPlayType(type)) return this.cannot(t("no_player"));
    screen.addEventListener("error", () => this.cannot(t("no_player")), { once: true });
    this.stage.replaceChildren(screen);
    this.play_by(screen);
    return undefined;
  }

  // The frame that stands for it: of its part, where that is a part of the pictures.
  get face() {
    return this.hit.modality === "video" ? this.hit.id : this.whole;
  }

  cannot(why) {
    this.media = null;
    this.seek.hidden = true;
    this.stage.replaceChildren(
      h("img", { class: "screen", src: api.thumbnail(this.face, 640), alt: this.hit.name }),
      h("p", { class: "quiet unplayed", role: "status" }, why));
  }

  sound() {
    const media = new Audio();
    media.preload = "metadata";
    const toggle = button(this.hit.name, () => (media.paused ? media.play().catch(() => {}) : media.pause()));
    media.addEventListener("playing", () => show(toggle, true));
    for (const event of ["pause", "ended"]) media.addEventListener(event, () => show(toggle, false));
    media.addEventListener("error", () => { this.stopped.textContent = t("no_player"); toggle.disabled = true; }, { once: true });
    this.time.before(toggle);
    this.stage.hidden = true;
    this.play_by(media);
  }

  play_by(media) {
    this.media = media;
    this.seek.hidden = false;
    const moved = () => {
      const at = media.currentTime;
      this.seek.value = at;
      this.seek.setAttribute("aria-valuetext", clock(at));
      this.time.textContent = this.seconds ? `${clock(at)} / ${clock(this.seconds)}` : clock(at);
      this.root.style.setProperty("--at", this.share(at));
    };
    media.addEventListener("loadedmetadata", () => {
      if (Number.isFinite(media.duration)) this.seconds = media.duration;
      this.place();
      moved();
    });
    for (const event of ["timeupdate", "seeked"]) media.addEventListener(event, moved);
    media.addEventListener("playing", () => this.stopped.replaceChildren());
    const [first] = this.parts;
    media.src = api.media(this.whole) + (first ? `#t=${first.start}` : "");
    if (first) this.keep(first);
  }

  share(at) {
    return this.seconds ? Math.min(Math.max(at / this.seconds, 0), 1).toFixed(5) : 0;
  }

  // Parts of the file, marked along the time and listed in words; the first is the hit itself.
  show(parts) {
    this.parts = parts;
    this.list.hidden = !parts.length;
    this.chips = parts.map((part) => h("li", {}, h("button", {
      type: "button", "data-start": part.start, onclick: () => this.open(part),
      "aria-label": `${t("play")} ${stretch([part.start, part.stop])}${said(part) && `, ${said(part)}`}`,
    }, h("b", {}, stretch([part.start, part.stop])), h("small", {}, said(part)))));
    this.list.replaceChildren(...this.chips);
    this.marks = parts.map((part, place) => h("i", {
      class: place ? "cut" : "cut main", title: stretch([part.start, part.stop]), "aria-hidden": "true", onclick: () => this.open(part),
    }));
    this.lane.replaceChildren(...this.marks, this.head);
    this.place();
    this.current(parts[0]);
  }

  place() {
    this.seek.max = this.seconds || 1;
    this.root.classList.toggle("endless", !this.seconds);
    this.marks.forEach((mark, place) => {
      const { start, stop } = this.parts[place];
      mark.style.setProperty("--x", this.share(start));
      mark.style.setProperty("--w", this.share(stop - start));
    });
  }

  // Where an explanation is drawn: its times are of the part that was encoded, or of the whole.
  within(end) {
    const start = this.hit.span?.[0] ?? 0;
    return this.seconds ? { "--x": this.share(start), "--w": this.share(Math.min(end, this.seconds - start)) } : { "--x": 0, "--w": 1 };
  }

  current(part) {
    this.parts.forEach((each, place) => {
      this.marks[place].classList.toggle("current", each === part);
      this.chips[place].firstChild.setAttribute("aria-pressed", String(each === part));
    });
  }

  keep(part) {
    this.free?.();
    this.free = keepTo(this.media, [part.start, part.stop], () => {
      this.stopped.replaceChildren(t("held", clock(part.stop)),
        h("button", { type: "button", class: "go-on", onclick: () => this.media.play().catch(() => {}) }, t("go_on")));
    });
  }

  open(part) {
    this.current(part);
    if (!this.media) return;
    this.keep(part);
    this.media.play().catch(() => {});
  }

  go(seconds) {
    this.free?.();
    if (this.media) this.media.currentTime = seconds;
  }

  close() {
    this.free?.();
    this.media?.pause();
    this.media?.removeAttribute("src");
  }
}
