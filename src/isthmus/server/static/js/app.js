// The page: what is asked, what is shown, and what the keys do.

import { $, h, glyph } from "./dom.js";
import { direction, kind, switchLanguage, t, translate } from "./words.js";
import * as api from "./api.js";
import * as detail from "./detail.js";
import { brought } from "./drop.js";
import { Grid } from "./grid.js";
import { Likes } from "./likes.js";
import { SpaceMap } from "./map.js";
import { adder, openHelp, openIndex, openLabels, openSaved } from "./panels.js";
import { addTerm, askedFor, asks, avoided, blank, fromHash, know, narrowed, ofLabel, request, showTerms, sought, toHash, viewOf } from "./query.js";
import { meet } from "./predict.js";
import * as recorder from "./record.js";

const PAGES = [60, 240, 1000];
const PATIENCE = { q: 220, where: 500 }, SKELETON = 150;

let query = blank();
let status = null;
let answer = null;
let page = 0;
let running = null;
let listed = null; // items chosen on the map, in place of what a query finds
let map = null;
let known = false; // whether the server has said which views there are

const grid = new Grid($("grid"), {
  more: () => more(),
  chosen: (action, hit, tile) => act(action, hit, Number(tile.dataset.place)),
  labelled: (label) => byLabel(label),
  liked: (hit) => likes.has(hit),
});
const likes = new Likes({
  found: (made) => showRecommended(made), failed: (error) => warn(error.message || t("offline")),
  changed: () => grid.mark(), filters: () => ({ views: query.views, where: query.where }),
});

// ---- asking

// The query with what was typed since it was asked.
const current = () => {
  const [text, where] = [$("q").value, $("where").value];
  return { ...query, text, where, nearest: query.nearest && text === query.text };
};

// Ask what was typed, if it is news.
function take() {
  const next = current();
  const news = next.text !== query.text || next.where !== query.where;
  if (news) change(next);
  return news;
}

// Fields are filled here alone: only what the user does replaces what is typed, and no answer.
function fill() {
  for (const [id, value] of [["q", query.text], ["where", query.where]]) if ($(id).value !== value) $(id).value = value;
  $("least").value = query.least;
  $("readout").value = query.readout;
}

function change(next, { push = true } = {}) {
  query = { ...blank(), ...next };
  listed = null;
  likes.shown = false;
  if (push) {
    const hash = toHash(query);
    if (hash !== location.hash) history.pushState(null, "", hash || location.pathname);
  }
  fill();
  render();
  ask();
}

function render() {
  showTerms($("terms"), query.terms, (terms) => change({ ...current(), terms }));
  for (const each of $("views").children) {
    each.setAttribute("aria-pressed", String(query.views.includes(each.dataset.view)));
  }
  for (const each of $("asked").querySelectorAll("select")) each.value = viewOf(query, each.dataset.modality);
}

async function ask() {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  page = 0;
  hide("alert");
  $("where-error").hidden = true;
  const waiting = setTimeout(skeleton, SKELETON);
  busy(true);
  try {
    const found = await fetchPage(0, signal);
    clearTimeout(waiting);
    answer = found;
    show();
    busy(false);
  } catch (error) {
    clearTimeout(waiting);
    if (error.name === "AbortError") return;
    fail(error);
    busy(false);
  }
}

const fetchPage = (number, signal) => {
  if (asks(query)) return api.search(request(query, PAGES[number]), signal);
  const offset = number ? PAGES[number - 1] : 0;
  const parts = [["limit", PAGES[number] - offset], ["offset", offset], ["where", query.where]];
  return api.items([...parts, ...query.views.map((each) => ["view", each])]);
};

async function more() {
  if (listed || map?.shown || !answer || page + 1 >= PAGES.length || answer.full || (answer.nothing_matches && !query.nearest)) return;
  const next = page + 1;
  const { signal } = running;
  answer.full = true; // until there is news, nobody asks again
  try {
    const found = await fetchPage(next, signal);
    if (signal.aborted) return;
    page = next;
    const known = new Set(grid.hits.map((hit) => hit.id));
    const fresh = (found.hits ?? found.items).filter((hit) => !known.has(hit.id));
    answer.full = !fresh.length;
    grid.append(fresh);
    if (found.hits && !answer.nothing_matches) tell(t("found", grid.hits.length));
  } catch (error) {
    if (error.name !== "AbortError") answer.full = false;
  }
}

// ---- showing

function show() {
  const hits = answer.hits ?? answer.items;
  const left = answer.unfinished ?? status?.unfinished ?? "";
  $("unfinished").hidden = !left || !!answer.reason?.includes(left);
  $("unfinished").textContent = t("unfinished", left);
  $("state").replaceChildren();
  if (!asks(query)) {
    if (!answer.total && !query.where && !query.views.length) return empty();
    tell(t("newest", answer.total));
  } else if (answer.nothing_matches && !query.nearest) {
    grid.show([]);
    $("grid").hidden = true;
    tell("");
    nothing(hits.length > 0);
    return undefined;
  } else {
    const note = answer.uncalibrated.length ? ` ${t("uncalibrated_note", answer.uncalibrated.map(direction).join(", "), answer.advice)}` : "";
    const weak = answer.weak?.length ? ` ${t("weak_note", answer.weak.map(direction).join(", "))}` : "";
    tell((answer.nothing_matches ? t("nearest_said") : t("found", hits.length)) + note + weak);
  }
  $("grid").hidden = !!map?.shown;
  grid.show(hits);
  if (map?.shown) map.show(hits);
  return undefined;
}

let answers = 0;
function busy(now) {
  $("results").setAttribute("aria-busy", String(now));
  if (!now) $("results").dataset.answers = String(answers += 1);
}
const tell = (text) => { $("said").textContent = text; };

function nothing(some) {
  const nearest = h("button", { type: "button", class: "first", onclick: () => { query.nearest = true; show(); } }, t("nearest"));
  $("state").replaceChildren(h("div", { class: "state" }, h("h2", {}, t("nothing")),
    h("p", { dir: "auto" }, answer.reason ? answer.reason[0].toUpperCase() + answer.reason.slice(1) : t("nothing_more")), some && nearest));
}

function empty() {
  grid.show([]);
  $("grid").hidden = true;
  tell("");
  $("state").replaceChildren(h("div", { class: "state" }, h("h2", {}, t("empty")), h("p", {}, t("empty_more")),
    adder(status, refresh), h("p", { class: "quiet" }, t("empty_shell")), h("pre", {}, "isthmus index ~/Pictures")));
  return undefined;
}

function skeleton() {
  $("state").replaceChildren();
  tell(t("loading"));
  $("grid").hidden = !!map?.shown;
  grid.show([]);
  $("grid").replaceChildren(...Array.from({ length: 3 }, () => h("div", { class: "row bones", role: "presentation", "aria-hidden": "true" }, h("i"), h("i"), h("i"), h("i"))));
}

function fail(error) {
  tell("");
  hide("unfinished");
  grid.show([]);
  $("grid").hidden = true;
  if (error.status === 422 && query.where) {
    $("state").replaceChildren();
    $("where-error").textContent = error.message;
    $("where-error").hidden = false;
    return;
  }
  $("state").replaceChildren(h("div", { class: "state" }, h("h2", {}, t("failed")), h("p", {}, error.message || t("offline")),
    h("button", { type: "button", class: "first", onclick: ask }, t("again"))));
}

function warn(message) {
  $("alert").replaceChildren(h("span", {}, message), h("button", { type: "button", onclick: () => hide("alert"), "aria-label": t("close") }, "×"));
  $("alert").hidden = false;
}

const hide = (id) => { $(id).hidden = true; };

// ---- acting on one result

function act(action, hit, place) {
  if (action === "more") change({ ...blank(), views: query.views, asked: query.asked, terms: [sought(hit)] });
  else if (action === "like") likes.toggle(hit);
  else if (action === "not") likes.shown ? likes.avoid(hit) : steerAway(hit);
  else {
    openAt(place);
    if (action === "explain") detail.explainNow();
    if (action === "copies") detail.unfold();
  }
}

const steerAway = (hit) => (asks(query) ? change(addTerm(current(), avoided(hit))) : warn(t("save_needs")));

// Whoever went on to other results is at the last of them when the dialog closes.
let left = null;
$("detail").addEventListener("close", () => {
  if (left !== null && grid.focused) grid.focus(left);
  left = null;
});

function openAt(place) {
  const hit = grid.hits[place];
  if (!hit) return;
  detail.open(hit, {
    around: (step) => {
      openAt(place + step);
      left = Math.min(Math.max(place + step, 0), grid.tiles.length - 1);
    },
    steer: (action, chosen) => act(action, chosen, place),
    asked: explained(),
    labelled: byLabel,
    filtered: byField,
  });
}

const byField = (filter) => { closeMap(); change(narrowed(current(), filter)); };
const byLabel = (label) => byField(ofLabel(label));

// What is explained; null where nothing is sought.
const explained = () => (asks(query) ? askedFor(query) : null);

// ---- files and sounds that are brought along

async function bring(file) {
  if (!file) return;
  if (status && file.size > status.max_body) {
    warn(t("too_large", Math.floor(status.max_body / 2 ** 20)));
    return;
  }
  tell(t("uploading"));
  $("box").classList.add("busy");
  try {
    const { upload, modality, name } = await api.upload(file);
    change(addTerm(current(), { key: "upload", id: upload, modality, name }));
  } catch (error) {
    tell("");
    warn(error.message || t("offline"));
  } finally {
    $("box").classList.remove("busy");
  }
}

async function record() {
  const button = $("record");
  try {
    if (recorder.recording()) {
      button.setAttribute("aria-pressed", "false");
      hide("alert");
      await bring(await recorder.stop());
    } else {
      await recorder.start();
      button.setAttribute("aria-pressed", "true");
      warn(t("recording"));
    }
  } catch {
    button.setAttribute("aria-pressed", "false");
    warn(t("no_mic"));
  }
}

// ---- the map

async function toggleMap() {
  map ??= new SpaceMap($("mapview"), {
    open: async (id) => {
      const hit = grid.hits.find((each) => each.whole === id) ?? await api.item(id);
      detail.open(hit, { around: () => {}, steer: (action, chosen) => { if (action === "more") closeMap(); act(action, chosen, 0); }, asked: explained(), labelled: byLabel, filtered: byField });
    },
    list: (ids) => showListed(ids),
  });
  map.shown = !map.shown;
  $("open-map").setAttribute("aria-pressed", String(map.shown));
  $("mapview").hidden = !map.shown;
  $("said").hidden = map.shown; // it is of the grid
  $("grid").hidden = map.shown || !grid.hits.length;
  if (map.shown) {
    map.words();
    try {
      await map.show(asks(query) ? grid.hits : []);
    } catch (error) {
      warn(error.message || t("offline"));
    }
  }
}

const closeMap = () => { if (map?.shown) toggleMap(); };

async function showListed(ids) {
  closeMap();
  listed = ids;
  const found = [];
  for (const id of ids.slice(0, 300)) found.push(await api.item(id).catch(() => null));
  tell(t("selected", ids.length));
  $("state").replaceChildren();
  $("grid").hidden = false;
  grid.show(found.filter(Boolean));
}

function showRecommended({ items, reason }) {
  closeMap();
  running?.abort();
  listed = items.map((each) => each.id);
  tell(t("recommended", items.length) + (reason ? ` ${reason}` : ""));
  $("state").replaceChildren();
  $("grid").hidden = !items.length;
  grid.show(items);
  busy(false);
}

// ---- the first look, and what is heard

async function refresh() {
  try {
    [status] = await Promise.all([api.status(), meet()]);
  } catch (error) {
    fail(error);
    return;
  }
  const shared = know(status.views);
  if (!known) query.asked = fromHash(location.hash).asked; // it names views, which are known only now
  known = true;
  $("views").replaceChildren(...status.views.map(({ name, modality }) => h("button", {
    type: "button", "data-view": name, "aria-pressed": "false",
    onclick: () => change({ ...current(), views: query.views.includes(name) ? query.views.filter((each) => each !== name) : [...query.views, name] }),
  }, glyph(modality), h("span", { dir: "auto" }, kind(name)), h("small", {}, (status.items[name] ?? 0).toLocaleString()))));
  $("asked").replaceChildren(...Object.entries(shared).map(([modality, names]) => h("label", { class: "pick" },
    h("span", {}, t("asked_as", kind(modality))),
    h("select", {
      "data-modality": modality,
      onchange: (event) => change({ ...current(), asked: { ...query.asked, [modality]: event.target.value } }),
    }, ...names.map((name) => h("option", { value: name }, name))))));
  render();
  ask();
}

let taking = 0;
for (const [id, patience] of Object.entries(PATIENCE)) {
  $(id).addEventListener("input", () => {
    clearTimeout(taking);
    taking = setTimeout(take, patience);
  });
}
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!take()) ask();
});
$("least").addEventListener("change", () => change({ ...current(), least: $("least").value }));
$("readout").addEventListener("change", () => change({ ...current(), readout: $("readout").value }));
$("attach").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => { bring($("file").files[0]); $("file").value = ""; });
$("record").addEventListener("click", record);
$("open-map").addEventListener("click", toggleMap);
$("open-saved").addEventListener("click", () => openSaved(current(), change));
$("open-index").addEventListener("click", () => status && openIndex(status, refresh));
$("open-labels").addEventListener("click", () => status && openLabels(status, current(), refresh, byLabel));
$("language").addEventListener("click", () => {
  switchLanguage();
  named();
  if (status) refresh();
  map?.words();
});

addEventListener("popstate", () => change(fromHash(location.hash), { push: false }));
brought(bring);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (detail.key(event)) {
    event.preventDefault();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  const writing = event.target.closest("input, select, textarea");
  if (writing) {
    if (event.key === "ArrowDown" && event.target.id === "q") { event.preventDefault(); grid.focus(0); }
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const tile = grid.focused;
  const on = (action) => () => tile && act(action, grid.hits[tile.dataset.place], Number(tile.dataset.place));
  const keys = { "/": () => { $("q").focus(); $("q").select(); }, "?": openHelp, g: toggleMap, l: on("like"), m: on("more"), n: on("not"), e: on("explain") };
  if (event.key.startsWith("Arrow") && (tile || event.target === document.body || event.target.id === "results") && !map?.shown) keys[event.key] = () => grid.move(event.key);
  if (!(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});

function named() {
  $("language").textContent = t("language");
  $("language").lang = t("language") === "English" ? "en" : "zh";
}

translate();
named();
query = fromHash(location.hash);
fill();
render();
refresh();
