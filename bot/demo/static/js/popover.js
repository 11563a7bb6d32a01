// Menus and lists that float above everything, dialogs included (the browser's top layer), beside what opened them.

import { h } from "./dom.js";

let current = null;

export function closePopover() {
  current?.hidePopover();
}

/** Show `content` at `anchor`. Returns the popover's element; `onclose` runs once, however it closes. */
export function openPopover(anchor, content, { onclose, width, above = false, manual = false } = {}) {
  const element = h("div", { class: "popover", popover: manual ? "manual" : "auto" }, content);
  (anchor.closest("dialog") ?? document.body).append(element);
  const place = () => position(element, anchor, width, above);
  element.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    window.removeEventListener("resize", place);
    document.removeEventListener("scroll", place, true);
    element.remove();
    if (current === element) current = null;
    onclose?.();
  });
  element.showPopover();
  place();
  window.addEventListener("resize", place);
  document.addEventListener("scroll", place, true);
  if (!manual) current = element;
  return element;
}

function position(element, anchor, width, above) {
  const box = anchor.getBoundingClientRect();
  const style = element.style;
  style.setProperty("min-width", `${Math.min(width ?? Math.max(box.width, 180), innerWidth - 16)}px`);
  style.setProperty("max-height", "none");
  const { offsetWidth, offsetHeight } = element;
  const roomBelow = innerHeight - box.bottom - 12;
  const upward = above || (roomBelow < Math.min(offsetHeight, 320) && box.top > roomBelow);
  const height = Math.min(offsetHeight, Math.max(120, upward ? box.top - 16 : roomBelow));
  style.setProperty("max-height", `${height}px`);
  style.setProperty("left", `${Math.max(8, Math.min(box.left, innerWidth - offsetWidth - 8))}px`);
  style.setProperty("top", `${upward ? box.top - height - 6 : box.bottom + 6}px`);
}

/** A small menu of buttons: arrows move, Enter chooses, Escape closes and gives the focus back. */
export function openMenu(anchor, entries, { label = "Menu", width } = {}) {
  const items = entries.map((entry) => h("button", { type: "button", role: "menuitem", class: `menu-item ${entry.tone ?? ""}`, onclick: () => { closePopover(); entry.run(); } }, entry.content));
  const menu = h("div", { role: "menu", "aria-label": label, class: "menu" }, items);
  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = items.indexOf(document.activeElement);
    items[(at + step + items.length) % items.length]?.focus();
  });
  anchor.setAttribute("aria-expanded", "true");
  openPopover(anchor, menu, { width, onclose: () => { anchor.setAttribute("aria-expanded", "false"); if (document.activeElement === document.body) anchor.focus(); } });
  items[0]?.focus();
}
