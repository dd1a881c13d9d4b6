"use strict";
// The reference beside the track: one is heard, both run, so that changing between them leaves no gap.

const DRIFT_SECONDS = 0.12;
const gainOf = (own, target) => (own === null || target === null ? 1 : Math.min(1, 10 ** ((target - own) / 20)));

function compare(root) {
  const { wave, volume, segments, chosen } = root.sounds;
  const ab = root.querySelector("[data-ab]"), warp = root.querySelector("[data-warp]");
  const [own, theirs] = JSON.parse(root.dataset.levels);
  const quieter = own === null || theirs === null ? null : Math.min(own, theirs);
  const gains = { track: gainOf(own, quieter), reference: gainOf(theirs, quieter) };
  const excerpts = JSON.parse(root.dataset.excerpts);
  const sound = new Audio();
  sound.preload = "auto";
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";
  const flip = (button) => button.setAttribute("aria-pressed", String(!pressed(button)));

  const source = () =>
    (pressed(warp) ? `${root.dataset.warped}&segment=${chosen()}` : root.dataset.reference);
  const placeOf = (seconds) => {
    const segment = segments[chosen()];
    return pressed(warp)
      ? seconds - excerpts[chosen()].begins
      : segment.reference_start + (seconds - segment.query_start);
  };
  const levels = () => {
    const loud = Number(volume.value), hears = pressed(ab);
    root.sounds.gain = hears ? 0 : gains.track;
    root.sounds.level();
    sound.volume = hears ? loud * gains.reference : 0;
  };
  // Unwarped and heard, it runs at its own tempo: nothing pulls it back to the track then.
  const follow = (force) => {
    if (!sound.src.endsWith(source())) { sound.src = source(); force = true; }
    const at = Math.max(0, placeOf(wave.getCurrentTime()));
    const free = pressed(ab) && !pressed(warp);
    if (force || (!free && Math.abs(sound.currentTime - at) > DRIFT_SECONDS)) sound.currentTime = at;
    if (wave.isPlaying() && sound.paused) sound.play().catch(() => {});
    if (!wave.isPlaying()) sound.pause();
    root.dataset.hears = pressed(ab) ? "reference" : "track";
  };
  sound.addEventListener("playing", () => { root.dataset.referencePlays = "true"; });
  wave.on("play", () => follow(true));
  wave.on("pause", () => sound.pause());
  wave.on("seeking", () => follow(true));
  wave.on("timeupdate", () => follow(false));
  volume.addEventListener("input", levels);
  ab.addEventListener("click", () => { flip(ab); follow(false); levels(); });
  warp.addEventListener("click", () => { flip(warp); follow(true); levels(); });
  document.addEventListener("keydown", (event) => {
    if (!plainKey(event) || typing(event.target) || document.querySelector("dialog[open]")) return;
    const action = actionOf(event);
    if (action === "ab") ab.click();
    else if (action === "warp") warp.click();
  });
  levels();
}

document.addEventListener("DOMContentLoaded", () => {
  for (const root of document.querySelectorAll("[data-reference]")) if (root.sounds) compare(root);
});
