// What parts add, drawn: words weighed, cells over a picture, moments under a curve.

import { h, s } from "./dom.js";
import { t } from "./words.js";

export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

export function strength(part, largest) {
  return { class: part.value < 0 ? "against" : "for", vars: { "--s": (Math.abs(part.value) / largest).toFixed(3) }, title: signed(part.value) };
}

export const largestOf = (parts) => Math.max(1e-9, ...parts.filter((part) => !part.padding).map((part) => Math.abs(part.value)));

// Words weighed one by one; of a picture or a sound, what its parts add together.
export function side(name, account) {
  const texts = account.parts.filter((part) => part.text !== null);
  const sum = account.parts.reduce((total, part) => total + part.value, 0);
  return h("div", { class: "account" }, h("h3", {}, name),
    texts.length
      ? h("p", { class: "weighed", dir: "auto" }, ...texts.flatMap((part) => [h("span", strength(part, largestOf(texts)), part.text, h("small", {}, signed(part.value))), " "]))
      : h("p", { class: "quiet" }, account.parts.length ? t("drawn_over") : account.method),
    account.parts.length > 0 && h("p", { class: "quiet" }, `${t("start")} ${signed(account.baseline)}, ${t("parts")} ${signed(sum)}`));
}

// The same for the item, drawn over what is seen of it.
export function over(canvas, account, player, said = t("of_item")) {
  const cells = account.parts.filter((part) => part.box !== null && !part.padding);
  const spans = account.parts.filter((part) => part.start !== null && !part.padding);
  if (cells.length) {
    const largest = largestOf(cells);
    canvas.querySelector(".picture")?.append(h("div", { class: "heat" }, ...cells.map((part) => {
      const [left, top, right, bottom] = part.box;
      const { vars, ...rest } = strength(part, largest);
      return h("i", { ...rest, vars: { ...vars, "--x": left, "--y": top, "--w": right - left, "--h": bottom - top } });
    })));
  }
  if (spans.length) {
    const largest = largestOf(spans);
    const end = Math.max(...spans.map((part) => part.end));
    const within = player?.within?.(end) ?? {};
    canvas.querySelector(".lane")?.append(s("svg", { class: "pushes", vars: within, viewBox: "0 0 600 80", preserveAspectRatio: "none", role: "img", "aria-label": t("of_item") },
      ...spans.map((part) => {
        const high = (38 * Math.abs(part.value)) / largest;
        return s("rect", { class: part.value < 0 ? "against" : "for", x: (600 * part.start) / end, width: Math.max(0.5, (600 * (part.end - part.start)) / end - 1),
          y: part.value < 0 ? 40 : 40 - high, height: high }, s("title", {}, signed(part.value)));
      })));
  }
  return side(said, account);
}
