
"use strict";
(() => {
  const svgNs = "http://www.w3.org/2000/svg";
  const make = (ns, name, attributes) => {
    const node = ns ? document.createElementNS(svgNs, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    return node;
  };

  // A clip that is shown again borrows the source of the first player.
  for (const player of document.querySelectorAll("audio[data-same]")) {
    const first = document.getElementById(player.dataset.same);
    if (!first) continue;
    player.src = first.src;
    player.hidden = false;
    player.previousElementSibling.remove();
  }
  // One sound at a time.
  document.addEventListener("play", (event) => {
    for (const player of document.querySelectorAll("audio")) {
      if (player !== event.target) player.pause();
    }
  }, true);
  addEventListener("beforeprint", () => {
    for (const node of document.querySelectorAll("details")) node.open = true;
  });

  const map = document.getElementById("map");
  if (!map) return;
  const tip = document.getElementById("tip");
  const links = map.querySelector(".links");
  const reach = 28; // pixels from the pointer to the nearest mark
  const points = [...map.querySelectorAll(".pt")].map((node) => {
    const use = node.querySelector("use");
    const title = node.querySelector("title");
    const spoken = title.textContent; // the view, a colon, and the words
    title.remove(); // the tip says it; both would overlap
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", spoken);
    node.setAttribute("tabindex", "-1");
    const x = parseFloat(use.getAttribute("x"));
    const y = parseFloat(use.getAttribute("y"));
    return { node, x, y, words: spoken.slice(node.dataset.v.length + 2), ...node.dataset };
  });
  const byNode = new Map(points.map((point) => [point.node, point]));
  let shown = null;
  let pinned = false;

  const at = (point) => {
    const box = map.getBoundingClientRect();
    return { x: (point.x * box.width) / 100, y: (point.y * box.height) / 100 };
  };
  const nearest = (event) => {
    const box = map.getBoundingClientRect();
    let best = null;
    let least = reach * reach;
    for (const point of points) {
      const dx = (point.x * box.width) / 100 - (event.clientX - box.left);
      const dy = (point.y * box.height) / 100 - (event.clientY - box.top);
      const distance = dx * dx + dy * dy;
      if (distance < least) [best, least] = [point, distance];
    }
    return best;
  };
  const play = (point) => {
    const clip = point.a && document.getElementById(point.a);
    if (!clip) return;
    clip.currentTime = 0;
    clip.play();
  };

  const fill = (point) => {
    const kind = make(null, "div", { class: "kicker" });
    kind.textContent = point.g ? `${point.v} · ${point.g}` : point.v;
    const words = make(null, "p", { dir: "auto" });
    words.textContent = point.words;
    tip.replaceChildren();
    const image = point.i && document.getElementById(point.i);
    if (image) {
      const [width, height] = [image.getAttribute("width"), image.getAttribute("height")];
      const box = { class: "thumb", viewBox: `0 0 ${width} ${height}`, width, height };
      const picture = make(svgNs, "svg", { ...box, "aria-hidden": "true" });
      picture.append(make(svgNs, "use", { href: `#${point.i}` }));
      tip.append(picture);
    }
    tip.append(kind, words);
    if (point.a) {
      const button = make(null, "button", { type: "button" });
      button.textContent = "Play";
      button.addEventListener("click", () => play(point));
      tip.append(button);
    }
  };
  const place = (point) => {
    const { x, y } = at(point);
    const room = map.getBoundingClientRect();
    const left = x + 16 + tip.offsetWidth > room.width ? x - 16 - tip.offsetWidth : x + 16;
    const top = y + tip.offsetHeight > room.height ? room.height - tip.offsetHeight - 8 : y - 8;
    const fits = Math.min(Math.max(left, 8), Math.max(8, room.width - tip.offsetWidth - 8));
    tip.style.left = `${fits}px`;
    tip.style.top = `${left === fits ? Math.max(top, 8) : y + 20}px`;
  };
  const show = (point) => {
    if (shown === point) return;
    hide();
    shown = point;
    point.node.classList.add("on");
    for (const other of points) {
      if (other === point || point.r === undefined || other.r !== point.r) continue;
      other.node.classList.add("on");
      links.append(make(svgNs, "line", {
        x1: `${point.x}%`, y1: `${point.y}%`, x2: `${other.x}%`, y2: `${other.y}%`,
      }));
    }
    fill(point);
    tip.hidden = false;
    place(point);
  };
  const hide = () => {
    shown = null;
    pinned = false;
    tip.hidden = true;
    links.replaceChildren();
    for (const node of map.querySelectorAll(".on")) node.classList.remove("on");
  };

  map.addEventListener("pointermove", (event) => {
    if (pinned || event.pointerType === "touch") return;
    const point = nearest(event);
    if (point) show(point);
    else hide();
  });
  map.addEventListener("pointerleave", (event) => {
    if (!pinned && event.relatedTarget !== tip && !tip.contains(event.relatedTarget)) hide();
  });
  tip.addEventListener("pointerleave", (event) => {
    if (!pinned && !map.contains(event.relatedTarget)) hide();
  });
  map.addEventListener("click", (event) => {
    const point = nearest(event);
    hide();
    if (!point) return;
    show(point);
    pinned = true;
  });

  // One mark is in the tab order; the arrows lead to the nearest in their direction.
  const order = [...points].sort((a, b) => a.x + a.y - b.x - b.y);
  if (order.length) order[0].node.setAttribute("tabindex", "0");
  map.addEventListener("focusin", (event) => {
    const point = byNode.get(event.target);
    if (!point) return;
    for (const node of map.querySelectorAll('[tabindex="0"]')) node.setAttribute("tabindex", "-1");
    point.node.setAttribute("tabindex", "0");
    show(point);
  });
  map.addEventListener("focusout", () => { if (!pinned) hide(); });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  map.addEventListener("keydown", (event) => {
    const point = byNode.get(event.target);
    if (event.key === "Escape") hide();
    if (!point) return;
    if (event.key === "Enter") play(point);
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const from = at(point);
    let best = null;
    let least = Infinity;
    for (const other of points) {
      const to = at(other);
      const [dx, dy] = [to.x - from.x, to.y - from.y];
      const along = dx * step[0] + dy * step[1];
      const aside = Math.abs(dx * step[1]) + Math.abs(dy * step[0]);
      if (along <= 0.5 || aside > 2 * along) continue;
      const cost = along + 2 * aside;
      if (cost < least) [best, least] = [other, cost];
    }
    if (best) best.node.focus();
  });
})();
