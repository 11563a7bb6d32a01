// The message box: plain words are said aloud, a line that starts with a slash is a command, with suggestions as it grows.

import { h, byId, fill, icon, spinner } from "./dom.js";
import { slack } from "./api.js";
import { avatar } from "./avatar.js";
import { sayPrivately } from "./messages.js";
import { openPopover } from "./popover.js";
import { channelById, emit, nameOf, on, refresh, userById, world, attempt } from "./world.js";

const SLASH = "/fieldview";
const past = [];
let box = null;
let status = null;
let popover = null;
let offers = [];
let active = -1;

export function startComposer() {
  box = h("textarea", { id: "composer-text", class: "composer-text", rows: 1, spellcheck: "false", "aria-label": "Message", "aria-autocomplete": "list", "aria-controls": "suggestions", autocomplete: "off" });
  status = h("span", { class: "composer-status", role: "status" });
  fill(byId("composer"), h("div", { class: "composer-box" }, box, h("div", { class: "composer-foot" },
    h("button", { type: "button", class: "composer-slash", onclick: beginCommand, title: "Commands" }, h("kbd", {}, "/"), " Commands"), status,
    h("button", { type: "submit", class: "composer-send", "aria-label": "Send" }, icon("send", 18)))));
  byId("composer").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  box.addEventListener("input", () => { grow(); suggest(); });
  box.addEventListener("keydown", onKey);
  box.addEventListener("focus", suggest);
  box.addEventListener("blur", () => setTimeout(() => { if (document.activeElement !== box) hide(); }, 120));
  on("room people person", drawPlace);
}

function drawPlace() {
  const channel = channelById(world.channel);
  const name = channel ? (channel.is_im ? nameOf(userById(channel.peer)) : `#${channel.name}`) : "";
  box.placeholder = `Message ${name}`.trim();
  box.setAttribute("aria-label", box.placeholder);
}

function beginCommand() {
  type(`${SLASH} `);
}

/** Put this text into the box, as if it had been typed. */
export function type(text) {
  box.value = text;
  box.focus();
  box.setSelectionRange(text.length, text.length);
  grow();
  suggest();
}

function grow() {
  box.style.setProperty("height", "auto");
  box.style.setProperty("height", `${Math.min(box.scrollHeight, 180)}px`);
  byId("composer").classList.toggle("filled", box.value.trim() !== "");
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

async function send() {
  const text = box.value.trim();
  if (!text || !world.channel) return;
  hide();
  past.push(text);
  box.value = "";
  grow();
  const { me, channel } = world;
  if (text.startsWith("/")) await command(me, channel, text);
  else await say(me, channel, text);
  await refresh();
}

async function say(me, channel, text) {
  const answer = await attempt(() => slack.say(me, channel, text));
  if (answer?.ok === false) sayPrivately(`Your message was not sent: ${answer.error}`);
}

async function command(me, channel, text) {
  const done = working(text.split(/\s/)[0]);
  const answer = await attempt(() => slack.command(me, channel, text));
  done();
  if (answer?.ok === false) sayPrivately(`${text.split(/\s/)[0]} failed with the error “${answer.error ?? "dispatch_failed"}”`);
  emit("command", { user: me, channel, text, ok: answer?.ok === true });
}

function working(name) {
  const timer = setTimeout(() => fill(status, spinner(), `${name} is working…`), 250);
  return () => { clearTimeout(timer); fill(status); };
}

/* ---- suggestions ----------------------------------------------------------------------------------------------- */

function suggest() {
  const text = box.value;
  offers = document.activeElement === box ? offersFor(text) : [];
  if (!offers.length) return hide();
  active = offers.findIndex((offer) => offer.first);
  draw();
}

function offersFor(text) {
  if (!text.startsWith("/")) return [];
  const typed = /^(\S+)(?:\s+(\S*)(?:\s+([\s\S]*))?)?$/.exec(text);
  if (!typed) return [];
  const [, slash, name, argument] = typed;
  if (name === undefined && !/\s$/.test(text)) return SLASH.startsWith(slash) ? commandOffers("", slash !== SLASH) : [];
  if (slash !== SLASH) return [];
  if (argument === undefined && !(name && /\s$/.test(text))) return commandOffers(name ?? "", true);
  const command = world.commands.find((one) => one.name === name);
  return command ? argumentOffers(command, argument ?? "") : [];
}

function commandOffers(prefix, first) {
  const exact = world.commands.some((one) => one.name === prefix);
  return world.commands.filter((one) => one.name.startsWith(prefix.toLowerCase())).map((one, index) => ({
    text: `${SLASH} ${one.name}${one.usage ? " " : ""}`,
    first: first && index === 0 && !exact && prefix !== "",
    content: [h("span", { class: "offer-command" }, `${SLASH} ${one.name} `, h("span", { class: "offer-usage" }, one.usage ?? "")), h("span", { class: "offer-help" }, one.help)],
  }));
}

function argumentOffers(command, argument) {
  if (/grower/.test(command.usage ?? "")) return growerOffers(command, argument);
  if (/#channel/.test(command.usage ?? "")) return channelOffers(command, argument);
  return [];
}

function growerOffers(command, argument) {
  const wanted = argument.trim().toLowerCase();
  const found = world.truth.growers.filter((grower) => `${grower.name} ${grower.email}`.toLowerCase().includes(wanted) && grower.name.toLowerCase() !== wanted);
  return found.slice(0, 8).map((grower) => ({
    text: `${SLASH} ${command.name} ${grower.name}`,
    content: [avatar(userById(grower.slack_user) ?? { id: grower.id, real_name: grower.name }, "tiny"), h("span", { class: "offer-command" }, grower.name), h("span", { class: "offer-help" }, grower.email)],
  }));
}

function channelOffers(command, argument) {
  const wanted = argument.trim().replace(/^#/, "").toLowerCase();
  return world.channels.filter((channel) => !channel.is_im && !channel.is_archived && channel.name.includes(wanted) && channel.name !== wanted).map((channel) => ({
    text: `${SLASH} ${command.name} #${channel.name}`,
    content: [icon(channel.is_private ? "lock" : "hash", 16), h("span", { class: "offer-command" }, channel.name)],
  }));
}

function draw() {
  const rows = offers.map((offer, index) => h("div", { role: "option", id: `offer-${index}`, class: "offer", "aria-selected": String(index === active), onpointerdown: (event) => { event.preventDefault(); accept(index); } }, offer.content));
  const list = h("div", { class: "offers", role: "listbox", id: "suggestions", "aria-label": "Suggestions" }, rows, h("div", { class: "offers-foot", "aria-hidden": "true" }, h("kbd", {}, "↑"), h("kbd", {}, "↓"), " to choose ", h("kbd", {}, "Tab"), " to complete ", h("kbd", {}, "Enter"), " to send"));
  popover?.hidePopover();
  popover = openPopover(byId("composer").querySelector(".composer-box"), list, { above: true, manual: true });
  popover.classList.add("popover-offers");
  if (active >= 0) { box.setAttribute("aria-activedescendant", `offer-${active}`); rows[active].scrollIntoView({ block: "nearest" }); }
  else box.removeAttribute("aria-activedescendant");
}

function hide() {
  offers = [];
  active = -1;
  popover?.hidePopover();
  popover = null;
  box.removeAttribute("aria-activedescendant");
}

function accept(index) {
  const offer = offers[index];
  if (offer) type(offer.text);
}

function onKey(event) {
  if (event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    if (active >= 0 && offers[active].text.trim() !== box.value.trim()) return accept(active);
    return send();
  }
  if (event.key === "ArrowUp" && box.value === "" && past.length) { event.preventDefault(); return type(past.at(-1)); }
  if (!offers.length) return undefined;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    active = active < 0 ? (event.key === "ArrowDown" ? 0 : offers.length - 1) : (active + (event.key === "ArrowDown" ? 1 : -1) + offers.length) % offers.length;
    draw();
  } else if (event.key === "Tab" && !event.shiftKey) { event.preventDefault(); accept(Math.max(0, active)); }
  else if (event.key === "Escape") { event.preventDefault(); hide(); }
  return undefined;
}
