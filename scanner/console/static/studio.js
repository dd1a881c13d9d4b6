"use strict";
// The mixer: stems of one take played together, each with its mute, solo and volume. A melody that is chosen or dropped.

for (const field of document.querySelectorAll("[data-melody]")) takeMelody(field);

function takeMelody(field) {
  const input = field.querySelector("input[type=file]");
  const told = field.querySelector("#melody");
  let newest = 0;

  const inBase64 = (file) => new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1] || "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });

  async function take(file) {
    const own = ++newest;
    told.replaceChildren();
    if (!file) return;
    input.setCustomValidity(field.dataset.wait);
    told.setAttribute("aria-busy", "true");
    try {
      const over = file.size > Number(field.dataset.most);
      const values = { melody: over ? "" : await inBase64(file), melody_name: file.name, melody_size: file.size };
      if (own === newest) await htmx.ajax("POST", "/studio/melody", { target: told, values });
    } finally {
      if (own === newest) {
        input.setCustomValidity("");
        told.removeAttribute("aria-busy");
        if (!told.querySelector("[name=melody]")) input.value = "";
      }
    }
  }

  input.addEventListener("change", () => take(input.files[0]));
  field.addEventListener("click", (event) => {
    if (!event.target.closest("[data-melody-off]")) return;
    input.value = "";
    take(null);
    input.focus();
  });
}

for (const mixer of document.querySelectorAll("[data-mixer][data-from]")) mix(mixer);

function mix(mixer) {
  const play = mixer.querySelector("[data-play]");
  const place = mixer.querySelector("[data-place]");
  const clock = mixer.querySelector("[data-time]");
  const heads = document.querySelectorAll(".roll .head");
  const strips = [...mixer.querySelectorAll(".strip")].map((element) => ({ element, name: element.dataset.stem, buffer: null, gain: null, source: null }));
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let context = null, length = 0, began = 0, at = 0, playing = false, loading = null;

  const pressed = (strip, what) => strip.element.querySelector(`[data-${what}]`).getAttribute("aria-pressed") === "true";

  function levels() {
    const alone = strips.some((strip) => pressed(strip, "solo"));
    for (const strip of strips) {
      const heard = alone ? pressed(strip, "solo") : !pressed(strip, "mute");
      const volume = Number(strip.element.querySelector("[data-volume]").value) / 100;
      if (strip.gain) strip.gain.gain.setTargetAtTime(heard ? volume * volume : 0, context.currentTime, 0.02);
      for (const lane of document.querySelectorAll(".roll figure")) {
        if (lane.dataset.stem === strip.name) lane.classList.toggle("off", !heard);
      }
    }
  }

  async function load() {
    context = new AudioContext();
    await Promise.all(strips.map(async (strip) => {
      const told = strip.element.querySelector("[data-told]");
      told.textContent = mixer.dataset.loading;
      try {
        const answer = await fetch(`${mixer.dataset.from}${encodeURIComponent(strip.name)}.flac`);
        if (!answer.ok) throw new Error(String(answer.status));
        strip.buffer = await context.decodeAudioData(await answer.arrayBuffer());
        strip.gain = new GainNode(context, { gain: 0 });
        strip.gain.connect(context.destination);
        length = Math.max(length, strip.buffer.duration);
        told.textContent = "";
      } catch {
        told.textContent = mixer.dataset.failed;
      }
    }));
  }

  function start() {
    began = context.currentTime - at;
    for (const strip of strips.filter((each) => each.buffer)) {
      strip.source = new AudioBufferSourceNode(context, { buffer: strip.buffer });
      strip.source.connect(strip.gain);
      strip.source.start(0, at);
    }
    playing = true;
    play.setAttribute("aria-pressed", "true");
    levels();
    follow();
  }

  function stop() {
    for (const strip of strips) if (strip.source) { strip.source.stop(); strip.source = null; }
    playing = false;
    play.setAttribute("aria-pressed", "false");
  }

  function show() {
    const seconds = Math.floor(at);
    clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (length) place.value = String(Math.round(1000 * at / length));
    if (still.matches) return;
    for (const head of heads) for (const end of ["x1", "x2"]) head.setAttribute(end, length ? 1000 * at / length : 0);
  }

  function follow() {
    if (!playing) return;
    at = context.currentTime - began;
    if (at >= length) { stop(); at = 0; }
    show();
    if (playing) requestAnimationFrame(follow);
  }

  play.addEventListener("click", async () => {
    if (playing) { stop(); return; }
    play.disabled = true;
    loading = loading || load();
    await loading;
    await context.resume();
    play.disabled = false;
    mixer.dataset.loaded = String(strips.filter((strip) => strip.buffer).length);
    if (length) start();
  });
  place.addEventListener("input", () => {
    if (!length) return;
    const again = playing;
    if (again) stop();
    at = length * Number(place.value) / 1000;
    show();
    if (again) start();
  });
  mixer.addEventListener("click", (event) => {
    const button = event.target.closest("[data-mute], [data-solo]");
    if (!button) return;
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    levels();
  });
  mixer.addEventListener("input", (event) => { if (event.target.matches("[data-volume]")) levels(); });
}
