/* Menus close with Escape, and when one goes on past them; without this file they close where they open. */
"use strict";
(() => {
  const close = (menu, back) => {
    menu.open = false;
    if (back) menu.querySelector("summary").focus();
  };
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
    if (menu) close(menu, true);
  });
  document.addEventListener("focusout", (event) => {
    const menu = event.target.closest?.("details.menu[open]");
    if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) close(menu, false);
  });
})();
