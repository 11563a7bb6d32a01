// Initials on a colour: by the place in the cast, so that no two neighbours look alike, else one the id always leads to.

import { h } from "./dom.js";
import { nameOf, world } from "./world.js";

const COLOURS = ["#3d6fb4", "#8a5a9e", "#b4653a", "#2f7d6b", "#a0475f", "#6b7b2c", "#4a5fa8", "#94702a"];

function colourOf(user) {
  const place = world.cast.indexOf(user?.id);
  if (place >= 0) return COLOURS[place % COLOURS.length];
  const sum = [...String(user?.id ?? "")].reduce((total, character) => (total * 31 + character.codePointAt(0)) % 9973, 7);
  return COLOURS[sum % COLOURS.length];
}

const initials = (name) => name.split(/\s+/).filter(Boolean).map((word) => [...word][0]).filter((_, index, all) => index === 0 || index === all.length - 1).join("").toUpperCase();

export function avatar(user, size = "") {
  if (user?.is_bot) return h("span", { class: `avatar avatar-bot ${size}`, "aria-hidden": "true" }, h("img", { src: "/static/mark.svg", alt: "" }));
  return h("span", { class: `avatar ${size}`, "aria-hidden": "true", style: { "--avatar": colourOf(user) } }, initials(nameOf(user)) || "?");
}
