// One sound at a time: every play button of the page shares one player.

import { h, s } from "./dom.js";
import { t } from "./words.js";
import * as api from "./api.js";

const audio = new Audio();
audio.preload = "none";
let current = null;

function show(button, playing) {
  button.classList.toggle("playing", playing);
  button.setAttribute("aria-label", `${t(playing ? "pause" : "play")} ${button.dataset.name}`);
}

for (const event of ["pause", "ended", "error"]) {
  audio.addEventListener(event, () => current && show(current, false));
}
audio.addEventListener("playing", () => current && show(current, true));
audio.addEventListener("timeupdate", () => {
  if (current && audio.duration) {
    current.parentElement.style.setProperty("--at", `${(100 * audio.currentTime) / audio.duration}%`);
  }
});

export function toggle(button, id) {
  if (current === button && !audio.paused) {
    audio.pause();
    return;
  }
  if (current !== button) {
    if (current) show(current, false);
    current = button;
    audio.src = api.media(id);
  }
  audio.play().catch(() => show(button, false));
}

export function stop() {
  audio.pause();
}

export function playButton(item, tabindex) {
  const button = h("button", {
    type: "button", class: "play", tabindex, "data-name": item.name, "aria-label": `${t("play")} ${item.name}`,
    onclick: (event) => {
      event.stopPropagation();
      toggle(button, item.id);
    },
  }, s("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" },
    s("path", { class: "go", d: "M6 4v12l10-6Z" }), s("path", { class: "halt", d: "M5 4h3.500v12H5ZM11.500 4H15v12h-3.500Z" })));
  return button;
}

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
  }, () => {});
  return { drawn, draw };
}
