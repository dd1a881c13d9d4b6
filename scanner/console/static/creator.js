"use strict";
// The link in the address becomes a form's field and leaves the address; a fix is heard before it is made.

const entry = document.querySelector("[data-enter]");
if (entry) {
  const take = () => {
    if (window.location.hash.length < 2) return;
    entry.elements.link.value = window.location.hash.slice(1);
    window.history.replaceState(null, "", window.location.pathname);
    if ("atOnce" in entry.dataset) entry.requestSubmit();
  };
  take();
  window.addEventListener("hashchange", take);
}

const LEAD = 3;
const secondsOf = (text) =>
  text.replace(",", ".").split(":").reduce((sum, part) => 60 * sum + Number(part), 0);

function chosenParts(form) {
  return [...form.querySelectorAll("[data-part]")].map((row) => ({
    what: row.querySelector("select").value,
    start: secondsOf(row.querySelector("[name^=start]").value),
    end: secondsOf(row.querySelector("[name^=end]").value),
  })).filter((part) => part.what !== "keep" && part.end > part.start).sort((a, b) => a.start - b.start);
}

const fix = document.querySelector("[data-fix]");
if (fix) {
  const button = fix.querySelector("[data-preview]");
  const sound = new Audio();
  sound.preload = "none";
  let parts = [];
  const follow = () => {
    if (sound.paused) return;
    const now = sound.currentTime;
    const inside = parts.find((part) => part.start <= now && now < part.end);
    sound.muted = inside !== undefined;
    if (inside && inside.what === "cut") sound.currentTime = inside.end;
    const next = parts.find((part) => part.end > now);
    const last = parts[parts.length - 1];
    if (now > last.end + LEAD) sound.pause();
    else if (next && !inside && now > LEAD + (parts[parts.indexOf(next) - 1]?.end ?? now) && now < next.start - LEAD) {
      sound.currentTime = next.start - LEAD;
    }
    window.requestAnimationFrame(follow);
  };
  sound.addEventListener("play", () => button.setAttribute("aria-pressed", "true"));
  sound.addEventListener("pause", () => button.setAttribute("aria-pressed", "false"));
  button.addEventListener("click", async () => {
    if (!sound.paused) { sound.pause(); return; }
    parts = chosenParts(fix);
    if (parts.length === 0) { fix.querySelector("select").focus(); return; }
    if (!sound.src) sound.src = fix.dataset.audio;
    sound.volume = 0.5;
    sound.currentTime = Math.max(0, parts[0].start - LEAD);
    await sound.play();
    window.requestAnimationFrame(follow);
  });
}
