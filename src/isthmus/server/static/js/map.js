// The space on a plane, to be moved, zoomed, and circled.

import { download, glyph, h, kindOf, later } from "./dom.js";
import { kind, t } from "./words.js";
import { apart, Images } from "./thumbs.js";
import * as api from "./api.js";

const LIMIT = 10000, NEAR = 10, EDGE = 24, MOST_ZOOM = 200;
const FROM = 2, STEP = 1.25, SIDE = 64, LARGE = 96, LARGE_FROM = 6, GAP = 6; // of pictures: zooms and pixels
const LISTED = 40, SETTLED = 150;
const SEEN = ["image", "video"];

export class SpaceMap {
  // `open` is told of an item that is clicked, `list` of those that are circled.
  constructor(root, { open, list }) {
    Object.assign(this, { root, open, list, zoom: 1, x: 0.5, y: 0.5, lasso: false, line: [], selected: new Set(), fingers: new Map(), hits: new Set(), pointed: -1 });
    this.canvas = h("canvas", { tabindex: 0, role: "img" });
    this.tip = h("div", { class: "tip", hidden: true });
    this.hint = h("p", { class: "quiet" });
    this.count = h("span", { class: "count", role: "status" });
    const button = (key, work, attributes = {}) => h("button", { type: "button", onclick: work, "data-key": key, ...attributes });
    this.lassoButton = button("lasso", () => this.setLasso(!this.lasso), { "aria-pressed": "false" });
    this.chosen = h("span", { class: "chosen", hidden: true }, this.count,
      button("as_results", () => this.list(this.rows().map((row) => row.id))),
      button("export_csv", () => this.export("csv")), button("export_json", () => this.export("json")), button("clear", () => this.select([])));
    this.bar = h("div", { class: "map-bar" }, this.lassoButton,
      button("zoom_in", () => this.zoomBy(1.6)), button("zoom_out", () => this.zoomBy(1 / 1.6)), button("whole", () => this.home()), this.chosen);
    this.legend = h("p", { class: "quiet legend" });
    this.inView = h("h2", { id: "in-view" });
    this.items = h("ul", { "aria-labelledby": "in-view" });
    this.images = new Images(() => this.draw());
    this.settled = later(SETTLED, () => this.settle());
    root.replaceChildren(this.bar, h("div", { class: "map-body" }, h("div", { class: "map-frame" }, this.canvas, this.tip),
      h("div", { class: "map-items" }, this.inView, this.items)), this.hint, this.legend);
    this.listen();
  }

  words() {
    for (const each of this.bar.querySelectorAll("[data-key]")) each.textContent = t(each.dataset.key);
    this.hint.textContent = t(this.lasso ? "lasso_hint" : "pan_hint");
    if (this.data) {
      this.legend.textContent = `${t("map_of", this.data.ids.length, this.data.total)}. ${t("map_method")}`;
      this.canvas.setAttribute("aria-label", `${t("map")}: ${this.legend.textContent}`);
    }
    this.count.textContent = t("selected", this.selected.size);
  }

  async show(hits) {
    this.hits = new Set(hits.map((hit) => hit.whole ?? hit.id));
    this.data = await api.map(LIMIT);
    this.kinds = this.data.modalities.map(kindOf);
    this.spread = null;
    this.words();
    this.draw();
  }

  // From the unit square to pixels, and back.
  get scale() {
    return [(this.wide - 2 * EDGE) * this.zoom, (this.high - 2 * EDGE) * this.zoom];
  }

  toPixel(x, y) {
    const [across, down] = this.scale;
    return [this.wide / 2 + (x - this.x) * across, this.high / 2 + (y - this.y) * down];
  }

  toPlane(px, py) {
    const [across, down] = this.scale;
    return [this.x + (px - this.wide / 2) / across, this.y + (py - this.high / 2) / down];
  }

  draw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      this.paint();
    });
  }

  paint() {
    const { canvas, data } = this;
    if (!data || !canvas.clientWidth) return;
    const ratio = devicePixelRatio || 1;
    [this.wide, this.high] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(this.wide * ratio) || canvas.height !== Math.round(this.high * ratio)) {
      canvas.width = Math.round(this.wide * ratio);
      canvas.height = Math.round(this.high * ratio);
    }
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(this.root);
    const hues = Object.fromEntries([...new Set(this.kinds), "accent", "ground"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.wide, this.high);
    const size = Math.min(9, 2.2 + Math.sqrt(this.zoom) + (data.ids.length < 800 ? 1.5 : 0));
    const some = this.selected.size > 0 || this.hits.size > 0;
    const pictures = this.pictures();
    const shown = new Set(pictures.filter((row) => this.images.get(data.ids[row])));
    for (const pass of [false, true]) {
      for (let row = 0; row < data.ids.length; row += 1) {
        const marked = this.marked(row);
        if (marked !== pass || shown.has(row)) continue;
        const [x, y] = this.toPixel(data.x[row], data.y[row]);
        if (x < -9 || y < -9 || x > this.wide + 9 || y > this.high + 9) continue;
        pen.globalAlpha = marked || !some ? 0.85 : 0.22;
        pen.fillStyle = hues[this.kinds[row]];
        shape(pen, this.kinds[row], x, y, marked ? size + 1.5 : size);
      }
    }
    this.boxes = [...shown].map((row) => this.picture(pen, row, hues, some));
    canvas.dataset.pictures = String(this.boxes.length);
    pen.globalAlpha = 1;
    if (this.pointed >= 0) {
      pen.strokeStyle = hues.accent;
      pen.lineWidth = 2.5;
      pen.beginPath();
      pen.arc(...this.toPixel(data.x[this.pointed], data.y[this.pointed]), size + 7, 0, 6.2832);
      pen.stroke();
    }
    this.settled();
    if (this.line.length > 1) {
      pen.strokeStyle = hues.accent;
      pen.lineWidth = 1.5;
      pen.setLineDash([5, 4]);
      pen.beginPath();
      for (const [x, y] of this.line) pen.lineTo(...this.toPixel(x, y));
      pen.closePath();
      pen.stroke();
      pen.setLineDash([]);
    }
  }

  marked(row) {
    return this.selected.size ? this.selected.has(row) : this.hits.has(this.data.ids[row]);
  }

  // Rows in view whose pictures are shown: a choice that stays as the map is moved, and is made
  // anew where it is zoomed by a step; at the low end of a step they lie apart, and so above it.
  pictures() {
    if (this.zoom < FROM) return [];
    const { data } = this;
    const side = this.side = this.zoom < LARGE_FROM ? SIDE : LARGE;
    const step = Math.floor(Math.log(this.zoom / FROM) / Math.log(STEP) + 1e-9);
    const [across, down] = this.scale.map((each) => (each / this.zoom) * FROM * STEP ** step);
    const key = [step, side, this.wide, this.high].join();
    if (this.spread?.key !== key) {
      const rows = data.ids.map((_, row) => row).filter((row) => SEEN.includes(data.modalities[row]));
      rows.sort((a, b) => this.marked(b) - this.marked(a));
      this.spread = { key, rows: apart(rows, data.x, data.y, (side + GAP) / across, (side + GAP) / down) };
    }
    return this.spread.rows.filter((row) => this.visible(row, side / 2));
  }

  visible(row, margin = 0) {
    const [x, y] = this.toPixel(this.data.x[row], this.data.y[row]);
    return x >= -margin && y >= -margin && x <= this.wide + margin && y <= this.high + margin;
  }

  // Draws a picture around its place; the hue of its edge and the glyph of a video tell what it is.
  picture(pen, row, hues, some) {
    const image = this.images.get(this.data.ids[row]);
    const scale = this.side / Math.max(image.naturalWidth, image.naturalHeight);
    const [wide, high] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const [x, y] = this.toPixel(this.data.x[row], this.data.y[row]);
    const marked = this.marked(row);
    pen.globalAlpha = marked || !some ? 1 : 0.3;
    pen.drawImage(image, x - wide / 2, y - high / 2, wide, high);
    pen.lineWidth = marked ? 3 : 1.5;
    pen.strokeStyle = hues[this.kinds[row]];
    pen.strokeRect(x - wide / 2, y - high / 2, wide, high);
    if (this.kinds[row] === "video") {
      pen.fillStyle = hues.ground;
      pen.fillRect(x - wide / 2, y + high / 2 - 16, 16, 16);
      pen.fillStyle = hues.video;
      shape(pen, "video", x - wide / 2 + 8, y + high / 2 - 8, 5);
    }
    return { row, x: x - wide / 2, y: y - high / 2, wide, high };
  }

  // Once nothing moves: load the pictures that are in view, and list what is.
  settle() {
    if (!this.data || !this.wide) return;
    const { data } = this;
    const pictures = this.pictures();
    this.images.want(pictures.map((row) => data.ids[row]));
    const seen = data.ids.map((_, row) => row).filter((row) => this.visible(row));
    const key = [this.x, this.y, this.zoom, seen.length, data.ids.length, this.hits.size, this.selected.size].join();
    if (this.listed === key) return;
    this.listed = key;
    const first = new Set(pictures);
    const [cx, cy] = [this.x, this.y];
    const far = (row) => (data.x[row] - cx) ** 2 + (data.y[row] - cy) ** 2;
    const rank = (row) => (this.marked(row) ? 0 : first.has(row) ? 1 : 2);
    const some = seen.sort((a, b) => rank(a) - rank(b) || far(a) - far(b)).slice(0, LISTED);
    this.inView.textContent = t("in_view", some.length, seen.length);
    const point = (row) => () => { this.pointed = row; this.draw(); };
    this.items.replaceChildren(...some.map((row) => h("li", {}, h("button", {
      type: "button", onclick: () => this.open(data.ids[row]),
      onfocus: point(row), onblur: point(-1), onpointerenter: point(row), onpointerleave: point(-1),
    }, glyph(data.modalities[row]), h("span", { class: "sr" }, `${kind(data.views[row])}: `), h("span", { dir: "auto" }, data.names[row])))));
  }

  listen() {
    const { canvas } = this;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.travelled = 0;
    if (this.lasso && this.fingers.size === 1) this.line = [this.toPlane(event.offsetX, event.offsetY)];
  }

  moved(event) {
    const from = this.fingers.get(event.pointerId);
    if (!from) return this.hover(event);
    const to = [event.offsetX, event.offsetY];
    this.travelled += Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (this.fingers.size === 2) {
      const [other] = [...this.fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const before = Math.hypot(from[0] - other[0], from[1] - other[1]);
      const after = Math.hypot(to[0] - other[0], to[1] - other[1]);
      this.zoomBy(after / Math.max(before, 1), (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
    } else if (this.line.length) {
      this.line.push(this.toPlane(...to));
      this.draw();
    } else {
      this.panBy(to[0] - from[0], to[1] - from[1]);
    }
    this.fingers.set(event.pointerId, to);
    return undefined;
  }

  up(event) {
    this.fingers.delete(event.pointerId);
    const clicked = this.travelled < 4;
    if (this.line.length) {
      const line = this.line;
      this.line = [];
      if (!clicked) this.select(this.inside(line));
      else this.draw();
    } else if (clicked && event.type === "pointerup") {
      const row = this.nearest(event.offsetX, event.offsetY);
      if (row >= 0) this.open(this.data.ids[row]);
    }
  }

  hover(event) {
    const row = this.data ? this.nearest(event.offsetX, event.offsetY) : -1;
    this.tip.hidden = row < 0;
    this.canvas.classList.toggle("over", row >= 0 && !this.lasso);
    if (row < 0) return;
    if (this.tip.row !== row) {
      this.tip.row = row;
      const image = SEEN.includes(this.data.modalities[row]) && !this.boxes.some((box) => box.row === row) && h("img", { src: api.thumbnail(this.data.ids[row], 160), alt: "" });
      this.tip.replaceChildren(...[image, h("span", { dir: "auto" }, this.data.names[row])].filter(Boolean));
    }
    const [x, y] = this.toPixel(this.data.x[row], this.data.y[row]);
    this.tip.style.setProperty("--x", `${Math.min(x + 12, this.wide - 180)}px`);
    this.tip.style.setProperty("--y", `${Math.min(y + 12, this.high - 150)}px`);
  }

  nearest(px, py) {
    const over = this.boxes?.findLast((box) => px >= box.x && py >= box.y && px <= box.x + box.wide && py <= box.y + box.high);
    if (over) return over.row;
    let best = -1, least = NEAR * NEAR;
    for (let row = 0; row < this.data.ids.length; row += 1) {
      const [x, y] = this.toPixel(this.data.x[row], this.data.y[row]);
      const far = (x - px) ** 2 + (y - py) ** 2;
      if (far < least) [best, least] = [row, far];
    }
    return best;
  }

  key(event) {
    const step = 60;
    const keys = { ArrowLeft: () => this.panBy(step, 0), ArrowRight: () => this.panBy(-step, 0), ArrowUp: () => this.panBy(0, step), ArrowDown: () => this.panBy(0, -step),
      "+": () => this.zoomBy(1.4), "=": () => this.zoomBy(1.4), "-": () => this.zoomBy(1 / 1.4), 0: () => this.home(), s: () => this.setLasso(!this.lasso),
      // what lies in the middle half of the view, for those who cannot draw
      Enter: () => this.select(this.inside(this.middle())) };
    if (!(event.key in keys) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  }

  middle() {
    const [x0, y0] = this.toPlane(this.wide / 4, this.high / 4);
    const [x1, y1] = this.toPlane((3 * this.wide) / 4, (3 * this.high) / 4);
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  }

  panBy(px, py) {
    const [across, down] = this.scale;
    this.x -= px / across;
    this.y -= py / down;
    this.draw();
  }

  zoomBy(times, px = this.wide / 2, py = this.high / 2) {
    const [x, y] = this.toPlane(px, py);
    this.zoom = Math.min(Math.max(this.zoom * times, 0.5), MOST_ZOOM);
    const [nx, ny] = this.toPlane(px, py);
    this.x += x - nx;
    this.y += y - ny;
    this.draw();
  }

  home() {
    Object.assign(this, { zoom: 1, x: 0.5, y: 0.5 });
    this.draw();
  }

  setLasso(on) {
    this.lasso = on;
    this.lassoButton.setAttribute("aria-pressed", String(on));
    this.canvas.classList.toggle("lasso", on);
    this.words();
  }

  // Even-odd: a line that crosses itself leaves out what it goes around twice.
  inside(line) {
    const found = [];
    for (let row = 0; row < this.data.ids.length; row += 1) {
      const [px, py] = [this.data.x[row], this.data.y[row]];
      let within = false;
      for (let i = 0, j = line.length - 1; i < line.length; j = i, i += 1) {
        const [xi, yi] = line[i], [xj, yj] = line[j];
        if (yi > py !== yj > py && px < ((xj - xi) * (py - yi)) / (yj - yi) + xi) within = !within;
      }
      if (within) found.push(row);
    }
    return found;
  }

  select(rows) {
    this.selected = new Set(rows);
    this.spread = null;
    this.chosen.hidden = !rows.length;
    this.words();
    this.draw();
  }

  rows() {
    return [...this.selected].map((row) => ({ id: this.data.ids[row], view: this.data.views[row], modality: this.data.modalities[row], name: this.data.names[row], x: this.data.x[row], y: this.data.y[row] }));
  }

  export(form) {
    const rows = this.rows();
    if (form === "json") return download("selection.json", "application/json", JSON.stringify(rows, null, 1));
    // A cell that begins like a formula would be run by a spreadsheet.
    const cell = (value) => `"${String(value).replace(/^(?=[=+\-@\t\r])/, typeof value === "number" ? "" : "'").replaceAll('"', '""')}"`;
    const lines = [["id", "view", "modality", "name", "x", "y"], ...rows.map((row) => Object.values(row))];
    return download("selection.csv", "text/csv", `\ufeff${lines.map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`);
  }
}

function shape(pen, kind, x, y, size) {
  pen.beginPath();
  if (kind === "image") pen.arc(x, y, size, 0, 6.2832);
  else if (kind === "text") pen.rect(x - size * 0.85, y - size * 0.85, size * 1.7, size * 1.7);
  else if (kind === "audio") { pen.moveTo(x, y - size * 1.1); pen.lineTo(x + size * 1.1, y + size * 0.85); pen.lineTo(x - size * 1.1, y + size * 0.85); }
  else { pen.moveTo(x, y - size * 1.2); pen.lineTo(x + size * 1.2, y); pen.lineTo(x, y + size * 1.2); pen.lineTo(x - size * 1.2, y); }
  pen.fill();
}
