// Pictures on the map: which of them can be shown without one over another, and their images.

import * as api from "./api.js";

const KEPT = 400, AT_ONCE = 6;

// Rows in order of importance, as many as fit: no two are nearer than `wide` across and `high` down.
// Each cell of that size holds one at most, so only nine are looked at for each row.
export function apart(rows, x, y, wide, high) {
  const cells = new Map();
  const kept = [];
  for (const row of rows) {
    const column = Math.floor(x[row] / wide), line = Math.floor(y[row] / high);
    let free = true;
    for (let i = column - 1; free && i <= column + 1; i += 1) {
      for (let j = line - 1; free && j <= line + 1; j += 1) {
        const other = cells.get(`${i},${j}`);
        free = other === undefined || Math.abs(x[other] - x[row]) >= wide || Math.abs(y[other] - y[row]) >= high;
      }
    }
    if (!free) continue;
    cells.set(`${column},${line}`, row);
    kept.push(row);
  }
  return kept;
}

// Images by id, those used last; `ready` is told of each that has come.
export class Images {
  constructor(ready) {
    Object.assign(this, { ready, kept: new Map(), wanted: [], loading: 0 });
  }

  get(id) {
    const found = this.kept.get(id);
    if (found) {
      this.kept.delete(id);
      this.kept.set(id, found);
    }
    return found?.naturalWidth ? found : null;
  }

  // What is in view now; what was wanted before and did not begin to load is no longer wanted.
  want(ids) {
    this.wanted = ids.filter((id) => !this.kept.has(id));
    this.more();
  }

  more() {
    while (this.loading < AT_ONCE && this.wanted.length) {
      const id = this.wanted.shift();
      const image = new Image();
      this.kept.set(id, image);
      if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
      this.loading += 1;
      image.src = api.thumbnail(id, 160);
      image.decode().then(() => this.ready(), () => {}).finally(() => {
        this.loading -= 1;
        this.more();
      });
    }
  }
}
