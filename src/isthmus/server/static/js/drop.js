// Files that are dropped on the page or pasted into it.

import { $ } from "./dom.js";

// `bring` takes the file.
export function brought(bring) {
  const hide = () => { $("drop").hidden = true; };
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((each) => /^(image|audio|video)\//.test(each.type));
    if (file) {
      event.preventDefault();
      bring(file);
    }
  });

  let within = 0;
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragenter", (event) => { if (carries(event)) { within += 1; $("drop").hidden = false; } });
  addEventListener("dragleave", (event) => { if (carries(event)) { within -= 1; if (within <= 0) hide(); } });
  addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    within = 0;
    hide();
    bring(event.dataTransfer.files[0]);
  });
}
