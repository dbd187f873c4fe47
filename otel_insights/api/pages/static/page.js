// What the page can do without, but is nicer with: a theme that is remembered, questions before what cannot be undone,
// and what goes on by itself.
"use strict";
(() => {
  const root = document.documentElement;
  const kept = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-switch]");
    if (button) {
      button.hidden = false;
      const dark = () => root.dataset.theme
        ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
      const tell = () => { button.textContent = dark() ? "Light" : "Dark"; };
      tell();
      button.addEventListener("click", () => {
        root.dataset.theme = dark() ? "light" : "dark";
        try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it holds for this page, then */ }
        tell();
      });
    }
    for (const form of document.querySelectorAll("form[data-ask]")) {
      form.addEventListener("submit", (event) => { if (!confirm(form.dataset.ask)) event.preventDefault(); });
    }
    document.querySelector("form[data-go-on]")?.requestSubmit();
    for (const time of document.querySelectorAll("time[datetime]")) {
      time.title = new Date(time.getAttribute("datetime")).toLocaleString();
    }
  });
})();
