// Moments and stretches of time, as players say them.

import { t } from "./words.js";

export function clock(seconds, digits = 0) {
  const whole = digits ? seconds : Math.floor(seconds + 1e-3);
  const minutes = Math.floor(whole / 60);
  const rest = (whole - 60 * minutes).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

// Digits as in said_span of the command line: of a short time, unless both its ends are whole.
const SHORT = [10, 0.15];
export function stretch([start, stop]) {
  const digits = SHORT.filter((seconds) => stop - start < seconds).length;
  const whole = [start, stop].every((at) => Number.isInteger(Number(at.toFixed(digits))));
  return [start, stop].map((at) => (whole ? clock(Math.round(at)) : clock(at, digits))).join("–");
}

export const timed = (hit) => ["audio", "video"].includes(hit.whole_modality) || hit.modality === "audio" || hit.modality === "video";

// "at 1:05–1:20"; of a text, that it is a passage.
export function where(hit) {
  if (!hit.span) return "";
  return timed(hit) ? t("at", stretch(hit.span)) : t("a_passage");
}

const MOST = 8;

// The part that was found, and the best further ones.
export function partsOf(hit) {
  if (!hit.span) return [];
  return [{ start: hit.span[0], stop: hit.span[1], probability: hit.probability, words: hit.words, text: hit.text }, ...(hit.spans ?? []).slice(0, MOST)];
}
