// One sound at a time: every play button of the grid shares one player.

import { h, s } from "./dom.js";
import { t } from "./words.js";
import * as api from "./api.js";

const audio = new Audio();
audio.preload = "none";
let current = null;
let free = () => {};

const SLACK = 0.3, END = 0.03;

// A player goes to the start of a part and halts at its end, once: what is played after that goes
// on, and so does what somebody plays elsewhere. `held` is told when it halts.
export function keepTo(media, [start, stop], held = () => {}) {
  let timer = 0, own = true;
  const events = ["playing", "seeked"];
  const end = () => {
    clearTimeout(timer);
    events.forEach((name) => media.removeEventListener(name, check));
  };
  // Who seeks out of the part is let go. On a busy machine a late timer is no seek, and the end of
  // the seek to the start, which is ours, may be told after the part has played.
  function check(event) {
    clearTimeout(timer);
    const at = media.currentTime;
    const sought = event?.type === "seeked" && !own;
    if (event?.type === "seeked") own = false;
    if (sought && (at < start - SLACK || at > stop + SLACK)) return end();
    const over = stop - at <= END || media.ended;
    if (media.paused && !(media.ended && at > stop + END)) return undefined;
    if (over && !media.seeking) {
      end();
      media.pause();
      if (at > stop) media.currentTime = stop;
      return held();
    }
    timer = setTimeout(check, (1000 * Math.min(Math.max(stop - at, END), 0.25)) / media.playbackRate);
    return undefined;
  }
  events.forEach((name) => media.addEventListener(name, check));
  media.currentTime = start;
  return end;
}

export function show(button, playing) {
  button.classList.toggle("playing", playing);
  button.setAttribute("aria-label", `${t(playing ? "pause" : "play")} ${button.dataset.name}`);
}

for (const event of ["pause", "ended", "error"]) {
  audio.addEventListener(event, () => current && show(current, false));
}
audio.addEventListener("playing", () => current && show(current, true));

function toggle(button, item) {
  if (current === button && !audio.paused) {
    audio.pause();
    return;
  }
  if (current !== button) {
    if (current) show(current, false);
    current = button;
    free();
    audio.src = api.media(item.whole ?? item.id);
    free = item.span ? keepTo(audio, item.span) : () => {};
  }
  audio.play().catch(() => show(button, false));
}

export function stop() {
  audio.pause();
}

export const button = (name, onclick, attributes = {}) => h("button", {
  type: "button", class: "play", "data-name": name, "aria-label": `${t("play")} ${name}`, onclick, ...attributes,
}, s("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" },
  s("path", { class: "go", d: "M6 4v12l10-6Z" }), s("path", { class: "halt", d: "M5 4h3.500v12H5ZM11.500 4H15v12h-3.500Z" })));

export const playButton = (item, tabindex) => button(item.name, (event) => {
  event.stopPropagation();
  toggle(event.currentTarget, item);
}, { tabindex });

// The curve of loudness, drawn once it is asked for.
export function curve(id) {
  const path = s("path", {});
  const drawn = s("svg", { class: "wave", viewBox: "0 0 240 64", preserveAspectRatio: "none", "aria-hidden": "true" }, path);
  const draw = () => api.loudness(id).then((peaks) => {
    const step = 240 / Math.max(peaks.length, 1);
    let line = "";
    peaks.forEach((peak, i) => {
      const half = Math.max(0.6, (30 * peak) / 255);
      line += `M${(i * step).toFixed(1)} ${(32 - half).toFixed(1)}h${(step * 0.7).toFixed(2)}v${(2 * half).toFixed(1)}h-${(step * 0.7).toFixed(2)}Z`;
    });
    path.setAttribute("d", line);
    drawn.dataset.peaks = String(peaks.length);
  }, () => drawn.classList.add("none"));
  return { drawn, draw };
}
