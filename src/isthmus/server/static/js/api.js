// Talking to the server.

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "");
  }
  if (response.ok) return response;
  let message = `${response.status} ${response.statusText}`;
  try {
    message = (await response.json()).message ?? message;
  } catch { /* not JSON: what is there says enough */ }
  throw new Refused(response.status, message);
}

const json = async (path, options) => (await ask(path, options)).json();

const body = (value, signal, method = "POST") => ({
  method,
  signal,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});

export const status = () => json("/api/status");
export const search = (request, signal) => json("/api/search", body(request, signal));
export const predictors = () => json("/api/predictors");
export const predict = (request) => json("/api/predict", body(request));
export const predictAll = (request) => json("/api/predictions", body(request));
export const recommend = (request) => json("/api/recommend", body(request));
export const explain = (asked, item, signal) => json("/api/explain", body({ ...asked, item }, signal));
export const item = (id) => json(`/api/items/${encodeURIComponent(id)}`);
export const items = (query) => json(`/api/items?${new URLSearchParams(query)}`);
export const map = (limit) => json(`/api/map?limit=${limit}`);
export const searches = () => json("/api/searches");
export const save = (saved) => json("/api/searches", body(saved));
export const unsave = (name) =>
  json(`/api/searches?name=${encodeURIComponent(name)}`, { method: "DELETE" });
export const index = (paths, views) => json("/api/jobs", body({ paths, views }));
export const labels = () => json("/api/labels");
export const label = (request) => json("/api/labels", body(request));
export const jobs = () => json("/api/jobs");
export const cancel = (job) => json(`/api/jobs/${job}`, { method: "DELETE" });

export function follow(job, told) {
  const source = new EventSource(`/api/jobs/${job}/events`);
  source.onmessage = (event) => {
    const now = JSON.parse(event.data);
    if (now.state !== "running") source.close();
    told(now);
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) return;
    source.close();
    setTimeout(() => json(`/api/jobs/${job}`).then(told, () => {}), 1000);
  };
}

export function upload(file) {
  const form = new FormData();
  form.append("file", file, file.name || "upload");
  return json("/api/uploads", { method: "POST", body: form });
}

export async function loudness(id) {
  const response = await ask(`/api/items/${encodeURIComponent(id)}/loudness`);
  return new Uint8Array(await response.arrayBuffer());
}

// Media type of the file of an item, as the server tells it by its content.
export async function mediaType(id) {
  const response = await ask(media(id), { method: "HEAD" });
  return (response.headers.get("content-type") ?? "").split(";")[0];
}

export const passage = (id, part) => json(`/api/items/${encodeURIComponent(id)}/passage${
  part ? `?start=${Math.floor(part.start)}&stop=${Math.ceil(part.stop)}` : "?around=10000"}`);
export const strip = (id, frames) => `/api/items/${encodeURIComponent(id)}/strip?frames=${frames}`;
export const thumbnail = (id, side = 320) =>
  `/api/items/${encodeURIComponent(id)}/thumbnail?side=${side}`;
export const media = (id) => `/api/items/${encodeURIComponent(id)}/media`;
export const uploaded = (id) => `/api/uploads/${encodeURIComponent(id)}/thumbnail`;
