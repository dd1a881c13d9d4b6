"use strict";
// A chosen file's text goes where it can be read and mended before it is sent.
for (const chooser of document.querySelectorAll("input[type=file][data-fills]")) {
  chooser.addEventListener("change", async () => {
    const [file] = chooser.files;
    if (file) document.getElementById(chooser.dataset.fills).value = await file.text();
  });
}
