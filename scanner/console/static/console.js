"use strict";
// Keys, the header's lists, the hints, what is loaded on demand, the upload's progress, a track that is followed.

const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;
const plainKey = (event) =>
  !(event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented);

const KEYS = JSON.parse(document.body.dataset.keys);
const ACTIONS = new Map(Object.entries(KEYS).map(([action, key]) => [key, action]));
const actionOf = (event) => ACTIONS.get(event.key);

function moveInList(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (rows.length === 0) return false;
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step;
  rows[Math.min(rows.length - 1, Math.max(0, next))].focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (!plainKey(event) || typing(event.target)) return;
  const hints = document.getElementById("hints");
  if (hints && hints.open) return;
  const action = actionOf(event);
  if (action === "hints" && hints) hints.showModal();
  else if (action === "down" && moveInList(1)) event.preventDefault();
  else if (action === "up" && moveInList(-1)) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector("header details[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

document.addEventListener("toggle", (event) => {
  if (!event.target.matches("[data-lazy]") || !event.target.open) return;
  for (const source of event.target.querySelectorAll("source[data-srcset]")) {
    source.srcset = source.dataset.srcset;
    source.removeAttribute("data-srcset");
  }
  for (const image of event.target.querySelectorAll("img[data-src]")) {
    image.src = image.dataset.src;
    image.removeAttribute("data-src");
  }
}, true);

for (const drop of document.querySelectorAll(".drop")) {
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    drop.classList.remove("over");
    const field = drop.querySelector("input[type=file]");
    if (event.target === field || event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    field.files = event.dataTransfer.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

const upload = document.querySelector("[data-upload]");
if (upload) {
  const bar = upload.querySelector("progress");
  upload.addEventListener("htmx:beforeRequest", () => {
    document.getElementById("told").replaceChildren();
    bar.hidden = false;
  });
  upload.addEventListener("htmx:xhr:progress", (event) => {
    if (event.detail.lengthComputable) bar.value = 100 * event.detail.loaded / event.detail.total;
  });
  upload.addEventListener("htmx:afterRequest", () => { bar.hidden = true; });
}

const followed = document.querySelector("[data-follow]");
if (followed) {
  const source = new EventSource(followed.dataset.follow);
  const refresh = async () => {
    await htmx.ajax("GET", followed.dataset.page, { target: followed, swap: "innerHTML" });
    if (!followed.querySelector("[data-settled]")) return;
    source.close();
    window.location.replace(followed.dataset.page);
  };
  for (const step of ["analysing", "analysed", "decided", "superseded", "ruled", "released", "conditioned",
    "quarantined", "blocked", "held", "withdrawn", "indeterminate", "rescanned"]) {
    source.addEventListener(`clearance.track.${step}`, refresh);
  }
}
