// Small dialogs: saved searches, adding folders, the list of keys.

import { $, h, modal } from "./dom.js";
import { tag } from "./grid.js";
import { duration, kind, t } from "./words.js";
import { all } from "./predict.js";
import * as api from "./api.js";
import { asks, fromRequest, request } from "./query.js";

function head(dialog, id, title) {
  return h("div", { class: "detail-head" }, h("h2", { id }, title),
    h("button", { type: "button", onclick: () => dialog.close(), "aria-label": t("close"), title: t("close") }, "×"));
}

const problem = (error) => h("p", { class: "problem", role: "alert" }, error.message || t("offline"));

export async function openSaved(query, change) {
  const dialog = $("saved");
  const list = h("ul", { class: "saved-list" });
  const told = h("div", {});
  const field = h("input", { type: "text", maxlength: 80, required: true, "aria-label": t("name"), value: query.text.slice(0, 80) });
  const show = ({ searches }) => list.replaceChildren(...(searches.length
    ? searches.map((each) => h("li", {},
      h("button", { type: "button", class: "name", dir: "auto", onclick: async () => { const asked = await fromRequest(each.search); dialog.close(); change(asked); } }, each.name),
      h("button", { type: "button", class: "plain", "aria-label": `${t("remove")} ${each.name}`, title: t("remove"),
        onclick: () => api.unsave(each.name).then(show, (error) => told.replaceChildren(problem(error))) }, "×")))
    : [h("li", { class: "quiet" }, t("none_saved"))]));
  const uploads = query.terms.some((term) => term.key === "upload");
  const form = asks(query) && !uploads
    ? h("form", {
      class: "inline", onsubmit: (event) => {
        event.preventDefault();
        const { k, aspects, ...search } = request(query, 60);
        api.save({ name: field.value.trim() || query.text, search }).then(show, (error) => told.replaceChildren(problem(error)));
      },
    }, field, h("button", { type: "submit", class: "first" }, t("save_this")))
    : h("p", { class: "quiet" }, t(uploads ? "save_uploads" : "save_needs"));
  dialog.replaceChildren(head(dialog, "saved-title", t("saved")), form, told, list);
  modal(dialog);
  api.searches().then(show, (error) => told.replaceChildren(problem(error)));
}

let following = null;

// Shows a run and follows it to its end, wherever runs are shown; `done` is told then.
function follower(told, done) {
  const follow = (job) => {
    running(told, job);
    if (following === job.id) return;
    following = job.id;
    api.follow(job.id, (now) => {
      for (const each of document.querySelectorAll(".run")) running(each, now);
      if (now.state !== "running") {
        following = null;
        done(now);
      }
    });
  };
  api.jobs().then((all) => {
    const last = all.at(-1);
    if (!last) return;
    if (last.state === "running") follow(last);
    else running(told, last);
  }, () => {});
  return follow;
}

// The form, and below it the run that is under way; also what an empty store shows.
export function adder(status, done) {
  const told = h("div", { class: "run", "aria-live": "polite" });
  const field = h("input", { id: "add-path", type: "text", required: true, maxlength: 4000, spellcheck: false, value: status.roots[0] ?? "" });
  const several = status.views.length > new Set(status.views.map(({ modality }) => modality)).size;
  const chosen = h("select", {}, h("option", { value: "" }, t("any")), ...status.views.map(({ name }) => h("option", { value: name }, kind(name))));
  const follow = follower(told, done);
  const form = status.roots.length
    ? h("form", {
      class: "add-form", onsubmit: (event) => {
        event.preventDefault();
        api.index([field.value], chosen.value ? [chosen.value] : []).then(follow, (error) => told.replaceChildren(problem(error)));
      },
    }, h("label", { for: "add-path" }, t("add_label")), h("div", { class: "inline" }, field, h("button", { type: "submit", class: "first" }, t("add"))),
    several && h("label", { class: "pick" }, h("span", {}, t("add_as")), chosen),
    h("p", { class: "quiet", dir: "auto" }, t("add_roots", status.roots.join(", "))))
    : h("p", { class: "quiet" }, t("add_none"));
  return h("div", {}, form, told);
}

const split = (text) => [...new Set(text.split(/[,，、;；\n]/).map((each) => each.trim()).filter(Boolean))];

// Which labels there are, to filter by; and a form that gives labels to items.
export function openLabels(status, query, done, labelled) {
  const dialog = $("labels");
  const told = h("div", { class: "run", "aria-live": "polite" });
  const list = h("ul", { class: "tags" });
  const show = () => api.labels().then(({ labels, total }) => list.replaceChildren(...(labels.length
    ? [...labels.map((each) => h("li", {}, tag(each, { onclick: () => { dialog.close(); labelled(each.label); } }), h("small", {}, each.items.toLocaleString()))),
      total > labels.length && h("li", {}, h("small", {}, `+${(total - labels.length).toLocaleString()}`))].filter(Boolean)
    : [h("li", { class: "quiet" }, t("no_labels"))])), (error) => list.replaceChildren(h("li", {}, problem(error))));
  const follow = follower(told, (job) => { done(job); show(); });
  dialog.replaceChildren(head(dialog, "labels-title", t("labels")),
    status.may_label ? labeller(query, told, follow) : h("p", { class: "quiet" }, t("label_none")),
    status.may_label && predictors(told, follow),
    told, h("h3", { class: "tags-title" }, t("labels_there")), list);
  modal(dialog);
  show();
}

// Each predictor whose answers can be labels: it predicts all items.
function predictors(told, follow) {
  const some = all().filter((each) => ["classes", "grades", "labels"].includes(each.kind) && each.views.some(({ modality }) => modality !== "vector"));
  return h("div", { class: "add-form predict-all" }, ...some.map((each) => h("div", {},
    h("button", { type: "button", onclick: () => api.predictAll({ predictor: each.name }).then(follow, (error) => told.replaceChildren(problem(error))) }, `${t("predict_all")}: ${each.target}`),
    h("p", { class: "quiet" }, t("predict_labels", each.target)))));
}

// Asks before labels are removed, and says how many there are.
async function mayReplace() {
  const { given, total } = await api.labels();
  return !given || window.confirm(t("label_sure", given, total));
}

function labeller(query, told, follow) {
  const field = h("input", { id: "label-names", type: "text", required: true, maxlength: 4000, dir: "auto", placeholder: t("label_hint") });
  const least = h("select", {}, ...[["0.2", "maybe"], ["0.5", "likely"], ["0.8", "very_likely"]].map(([value, name]) => h("option", { value, selected: value === "0.5" }, t(name))));
  const replace = h("input", { id: "label-replace", type: "checkbox" });
  const some = query.where.trim() ? h("input", { type: "checkbox", checked: true }) : null;
  return h("form", {
    class: "add-form", onsubmit: async (event) => {
      event.preventDefault();
      const labels = split(field.value);
      if (!labels.length) return told.replaceChildren(problem(new Error(t("label_one"))));
      try {
        if (replace.checked && !(await mayReplace())) return undefined;
        return follow(await api.label({ labels, least: Number(least.value), replace: replace.checked, where: some?.checked ? query.where : "" }));
      } catch (error) {
        return told.replaceChildren(problem(error));
      }
    },
  }, h("label", { for: "label-names" }, t("label_label")), h("div", { class: "inline" }, field, h("button", { type: "submit", class: "first" }, t("label_give"))),
  h("label", { class: "pick" }, h("span", {}, t("label_least")), least),
  h("label", { class: "check" }, replace, h("span", {}, t("label_replace"))),
  some && h("label", { class: "check" }, some, h("span", { dir: "auto" }, t("label_where", query.where))));
}

function running(place, job) {
  const doing = { index: "working", label: "judging", predict: "predicting" }[job.kind];
  const share = job.total ? job.done / job.total : 0;
  const left = job.eta_seconds === null ? "" : t("left", duration(job.eta_seconds));
  const list = job.broken.slice(0, 20).map((each) => h("li", { dir: "auto" }, h("b", {}, each.source), ` ${each.reason}`));
  place.replaceChildren(...[
    job.state === "running" && h("p", {}, `${t(doing)}: ${job.done} / ${job.total} ${left}`),
    job.state === "running" && h("progress", { max: 1, value: share, "aria-label": t(doing) }),
    job.state === "running" && h("button", { type: "button", onclick: () => api.cancel(job.id) }, t("cancel")),
    job.message && h("p", { class: job.state === "failed" ? "problem" : "" }, job.message),
    job.broken.length && h("details", {}, h("summary", {}, t("broken", job.broken.length)), h("ul", {}, ...list)),
  ].filter(Boolean));
}

export function openIndex(status, done) {
  const dialog = $("index");
  dialog.replaceChildren(head(dialog, "index-title", t("add_title")), adder(status, done));
  modal(dialog);
}

export function openHelp() {
  const dialog = $("help");
  const keys = [["/", "key_search"], ["← ↑ → ↓", "key_move"], ["Enter", "key_open"], ["l", "key_like"], ["m", "key_more"], ["n", "key_not"], ["e", "key_explain"], ["g", "key_map"], ["?", "key_help"], ["Esc", "key_close"]];
  dialog.replaceChildren(head(dialog, "help-title", t("help")),
    h("dl", { class: "keys" }, ...keys.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, t(what))])));
  modal(dialog);
}
