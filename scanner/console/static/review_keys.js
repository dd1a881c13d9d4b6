"use strict";
// A key that is pressed in its field is written there by its name; Tab, Escape and a held key do what they always do.

for (const field of document.querySelectorAll("[data-key-field]")) {
  field.addEventListener("focus", () => field.select());
  field.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key !== "Enter" && event.key.length !== 1) return;
    event.preventDefault();
    field.value = event.key === " " ? "Space" : event.key;
    field.removeAttribute("aria-invalid");
    field.select();
  });
}
