"use strict";
// The player of a track: wavesurfer.js, the segments of a match, the loop, the heads in the drawing.

const CONTEXT_SECONDS = 2;
const STEPS = { down: 1, up: -1, "segment-after": 1, "segment-before": -1 };
const clockOf = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const parsed = (text, otherwise) => (text ? JSON.parse(text) : otherwise);

function heads(drawing, segments) {
  // In the track's lane at its time; in the reference's where that moment of the segment lies.
  const start = Number(drawing.dataset.start), end = Number(drawing.dataset.end);
  const longest = segments.reduce((best, each) =>
    each.query_end - each.query_start > best.query_end - best.query_start ? each : best, segments[0]);
  const shift = longest ? longest.reference_start - longest.query_start : 0;
  const put = (line, seconds) => {
    const x = 1000 * (seconds - start) / (end - start);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    line.classList.toggle("on", x >= 0 && x <= 1000);
  };
  const own = drawing.querySelector("[data-head]");
  const theirs = drawing.querySelector("[data-reference-head]");
  return (seconds) => {
    put(own, seconds);
    const inside = segments.find((each) => each.query_start <= seconds && seconds <= each.query_end);
    if (!inside) { theirs.classList.remove("on"); return; }
    const share = (seconds - inside.query_start) / (inside.query_end - inside.query_start);
    put(theirs, inside.reference_start + share * (inside.reference_end - inside.reference_start) - shift);
  };
}

function begin(root) {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const segments = parsed(root.dataset.segments, []);
  const peaks = parsed(root.dataset.peaks, null);
  const play = root.querySelector("[data-play]"), loop = root.querySelector("[data-loop]");
  const clock = root.querySelector("[data-clock]"), volume = root.querySelector("[data-volume]");
  const drawing = document.querySelector("[data-alignment]");
  const follow = drawing ? heads(drawing, segments) : () => {};
  const media = new Audio();
  media.preload = "metadata";
  const options = {
    container: root.querySelector("[data-wave]"), height: 72, cspNonce: root.dataset.nonce, media,
    waveColor: colour("--track"), progressColor: colour("--band"), cursorColor: colour("--bad"),
    normalize: true, dragToSeek: true, url: root.dataset.audio,
  };
  if (peaks) Object.assign(options, { peaks: [peaks], duration: Number(root.dataset.duration) });
  const wave = WaveSurfer.create(options);
  const regions = WaveSurfer.Regions ? wave.registerPlugin(WaveSurfer.Regions.create()) : null;
  let chosen = 0;
  const sounds = root.sounds = { wave, volume, segments, chosen: () => chosen, gain: 1, silent: false };
  sounds.level = () => wave.setVolume(sounds.silent ? 0 : Number(volume.value) * sounds.gain);
  sounds.level();
  volume.addEventListener("input", sounds.level);

  const looping = () => loop !== null && loop.getAttribute("aria-pressed") === "true";
  const goTo = (number) => {
    chosen = Math.min(segments.length - 1, Math.max(0, number));
    wave.setTime(Math.max(0, segments[chosen].query_start - CONTEXT_SECONDS));
  };
  wave.on("ready", () => {
    if (regions) {
      segments.forEach((each) => regions.addRegion({
        start: each.query_start, end: each.query_end, drag: false, resize: false,
        color: "rgb(138 63 252 / 0.25)",
      }));
    }
    if (segments.length) goTo(0);
    root.dataset.ready = "true";
  });
  wave.on("timeupdate", (seconds) => {
    clock.textContent = clockOf(seconds);
    follow(seconds);
    if (looping() && wave.isPlaying() && seconds > segments[chosen].query_end + CONTEXT_SECONDS) goTo(chosen);
  });
  const told = (playing) => play.setAttribute("aria-pressed", String(playing));
  wave.on("play", () => told(true));
  wave.on("pause", () => told(false));
  play.addEventListener("click", () => wave.playPause());
  const toggle = () => loop && loop.setAttribute("aria-pressed", String(!looping()));
  if (loop) loop.addEventListener("click", toggle);
  for (const button of root.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => goTo(chosen + Number(button.dataset.step)));
  }
  document.addEventListener("keydown", (event) => {
    if (!plainKey(event) || typing(event.target) || document.querySelector("dialog[open]")) return;
    const onControl = event.target.closest("button, a, summary") !== null;
    const action = actionOf(event);
    if (action === "play" && !(onControl && " Enter".includes(event.key))) { event.preventDefault(); wave.playPause(); }
    else if (action === "loop") toggle();
    else if (action in STEPS && segments.length) goTo(chosen + STEPS[action]);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  for (const root of document.querySelectorAll("[data-player]")) begin(root);
});
