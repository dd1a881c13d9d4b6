"use strict";
// The link in the address becomes the form's field and leaves the address.

const form = document.querySelector("[data-set-password]");
if (form) {
  const take = () => {
    if (window.location.hash.length < 2) return;
    form.elements.link.value = window.location.hash.slice(1);
    form.querySelector("[data-link-row]").hidden = true;
    window.history.replaceState(null, "", window.location.pathname);
    form.elements.password.focus();
  };
  take();
  window.addEventListener("hashchange", take);
}
