"use strict";
// Stems under the player: with one of them solo or muted, the stems that are left are heard in place of the mix.

const STEM_DRIFT_SECONDS = 0.08;

function stemLanes(root, player) {
  const { sounds } = player;
  const { wave, volume } = sounds;
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";
  const lanes = [...root.querySelectorAll("[data-stem]")].map((row) => ({
    row, sound: null, solo: row.querySelector("[data-solo]"), mute: row.querySelector("[data-mute]"),
    head: row.querySelector("[data-stem-head]"),
  }));
  const chosen = () => lanes.some((each) => pressed(each.solo) || pressed(each.mute));
  const isHeard = (each) =>
    (lanes.some((other) => pressed(other.solo)) ? pressed(each.solo) : true) && !pressed(each.mute);
  const soundOf = (each) => {
    if (!each.sound) {
      each.sound = new Audio(each.row.dataset.audio);
      each.sound.preload = "auto";
      each.sound.addEventListener("playing", () => { each.row.dataset.plays = "true"; });
      each.sound.addEventListener("pause", () => { delete each.row.dataset.plays; });
    }
    return each.sound;
  };
  const follow = () => {
    const alone = chosen(), now = wave.getCurrentTime();
    sounds.silent = alone;
    sounds.level();
    for (const each of lanes) {
      const heard = alone && isHeard(each) && sounds.gain > 0;
      each.row.classList.toggle("silent", alone && !isHeard(each));
      const x = 1000 * now / Math.max(wave.getDuration(), 0.1);
      each.head.setAttribute("x1", x);
      each.head.setAttribute("x2", x);
      each.head.classList.add("on");
      if (!heard || !wave.isPlaying()) { if (each.sound) each.sound.pause(); continue; }
      const sound = soundOf(each);
      sound.volume = Number(volume.value);
      if (Math.abs(sound.currentTime - now) > STEM_DRIFT_SECONDS) sound.currentTime = now;
      if (sound.paused) sound.play().catch(() => {});
    }
  };
  for (const each of lanes) {
    for (const button of [each.solo, each.mute]) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(!pressed(button)));
        follow();
      });
    }
  }
  for (const happens of ["play", "pause", "seeking", "timeupdate"]) wave.on(happens, follow);
  volume.addEventListener("input", follow);
}

document.addEventListener("DOMContentLoaded", () => {
  const player = document.querySelector("[data-player]");
  const root = document.querySelector("[data-stems]");
  if (root && player && player.sounds) stemLanes(root, player);
});
