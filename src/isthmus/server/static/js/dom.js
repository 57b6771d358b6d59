// Elements from data. What comes from a store only ever becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "vars") {
      for (const [key, number] of Object.entries(value)) element.style.setProperty(key, number);
    } else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

export const h = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const s = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

const SHAPES = {
  text: () => s("rect", { x: -4.2, y: -4.2, width: 8.4, height: 8.4, rx: 1 }),
  image: () => s("circle", { r: 4.8 }),
  audio: () => s("path", { d: "M0-5.4 5.4 4.2H-5.4Z" }),
  video: () => s("path", { d: "M0-6 6 0 0 6-6 0Z" }),
  other: () => s("path", { d: "M-1.8-5.4h3.600v3.600h3.600v3.600h-3.600v3.600h-3.600v-3.600h-3.600v-3.600h3.600Z" }),
};

export const kindOf = (modality) => (modality in SHAPES ? modality : "other");

// The shape of a modality; its name stands beside it or in the label of its tile.
export const glyph = (modality) =>
  s("svg", { class: `glyph m-${kindOf(modality)}`, viewBox: "-7 -7 14 14", "aria-hidden": "true" },
    SHAPES[kindOf(modality)]());

export function later(milliseconds, work) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), milliseconds);
  };
}

export function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = h("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// A dialog that closes by its button, by Escape and by a click beside it.
export function modal(dialog) {
  if (!dialog.dataset.ready) {
    dialog.dataset.ready = "1";
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
  }
  if (!dialog.open) dialog.showModal();
}
