"use strict";
// A reviewer at work: keys, the verdict's form, holding the case, the countdown, the queue as it changes.

const NEWS_MILLISECONDS = 300, RENEW_SECONDS = 120, AWAY_SECONDS = 1800;
const AGAIN_SECONDS = 1, MOST_AGAIN_SECONDS = 300;
let touched = Date.now();
for (const kind of ["keydown", "pointerdown", "scroll"]) {
  document.addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
}
const here = () => document.visibilityState === "visible" && Date.now() - touched < 1000 * AWAY_SECONDS;

function press(target) {
  if (target.matches("summary")) {
    const details = target.parentElement, field = details.querySelector("textarea");
    details.open = field !== null || !details.open;
    if (field) field.focus();
  } else target.click();
}

function choose(form, number) {
  const radio = form.querySelector(`[data-number="${number}"]`);
  if (!radio) return;
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("keydown", (event) => {
  if (!plainKey(event) || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
  const radio = event.target.matches("input[type=radio]");
  if (typing(event.target) && !radio) return;
  const form = document.querySelector("[data-verdict]");
  const action = actionOf(event);
  const onControl = " Enter".includes(event.key) && event.target.closest("button, a, summary");
  if (!action || onControl) return;
  if (form && action.startsWith("verdict-")) choose(form, action.slice("verdict-".length));
  else if (form && action === "reason") { event.preventDefault(); form.querySelector("[data-reasons]").focus(); }
  else if (form && action === "commit") {
    event.preventDefault();
    form.querySelector("[data-commit]").click();
  } else {
    const target = document.querySelector(`[data-act="${action}"]`);
    if (target) { event.preventDefault(); press(target); }
  }
});

for (const form of document.querySelectorAll("[data-verdict]")) {
  const reasons = form.querySelector("[data-reasons]");
  const fit = () => {
    const chosen = form.querySelector("[name=verdict]:checked");
    const verdict = chosen ? chosen.value : "";
    for (const option of reasons.options) {
      const fits = !option.value || !verdict || option.dataset.verdicts.split(" ").includes(verdict);
      option.hidden = option.disabled = !fits;
      if (!fits && option.selected) reasons.value = "";
    }
    for (const part of form.querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").includes(verdict);
    }
    const left = [...reasons.options].filter((option) => option.value && !option.disabled);
    if (verdict && !reasons.value && left.length === 1) reasons.value = left[0].value;
  };
  form.addEventListener("change", fit, true);  // before the preview asks
  reasons.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.repeat && reasons.value) { event.preventDefault(); form.querySelector("[data-commit]").click(); }
  });
  if (!form.hasAttribute("hx-post")) {  // htmx does so by itself
    form.addEventListener("submit", () => { form.querySelector("[data-commit]").disabled = true; });
  }
  fit();
  // From here on a choice asks for its preview, too: htmx has read the page by then.
  document.addEventListener("DOMContentLoaded", () => { form.dataset.keyed = ""; });
}

for (const output of document.querySelectorAll("[data-countdown]")) {
  const end = Date.now() + 1000 * Number(output.dataset.countdown);
  const timer = setInterval(() => {
    const left = Math.max(0, Math.round((end - Date.now()) / 1000));
    output.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left === 0) { clearInterval(timer); output.closest("[data-toast]").remove(); }
  }, 500);
}

for (const desk of document.querySelectorAll("[data-desk]")) {
  setInterval(() => {
    if (Date.now() - touched > 1000 * AWAY_SECONDS) return;
    htmx.ajax("POST", desk.dataset.renew, { swap: "none", target: "#told", source: desk });
  }, 1000 * RENEW_SECONDS);
}

for (const news of document.querySelectorAll("[data-live]")) {
  let stale = false;
  const refresh = () => {
    stale = !here();
    if (stale) return;
    const query = new URLSearchParams(window.location.search);
    query.set("shown", news.dataset.shown);
    htmx.ajax("GET", `${news.dataset.live}?${query}`, { target: news, swap: "innerHTML" });
  };
  let waiting = null, pause = AGAIN_SECONDS;
  const follow = () => {
    const source = new EventSource(news.dataset.events);
    source.addEventListener("open", () => { pause = AGAIN_SECONDS; });
    source.addEventListener("changed", () => {
      clearTimeout(waiting);
      waiting = setTimeout(refresh, NEWS_MILLISECONDS);  // several moves, one look
    });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return;  // else the browser opens it again
      setTimeout(follow, 1000 * pause);
      pause = Math.min(2 * pause, MOST_AGAIN_SECONDS);
    });
  };
  follow();
  document.addEventListener("visibilitychange", () => { if (stale) refresh(); });
}
