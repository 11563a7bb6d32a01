// The frame around the conversation: who you are, where you are, and what else is there.

import { h, byId, fill, icon } from "./dom.js";
import { avatar } from "./avatar.js";
import { drawBlocks } from "./blocks.js";
import { openMenu } from "./popover.js";
import { become, botChannel, channelById, firstName, isBotRoom, nameOf, on, openChannel, people, thisPerson, userById, world } from "./world.js";

const FACES = 5;

export function startShell() {
  on("people person waiting truth", drawPeople);
  on("people person room", drawSidebar);
  on("people person room", drawHead);
  on("home room person", drawHome);
  on("online", drawOnline);
  on("toast", showToast);
  startTheme();
  startPanels();
}

/* ---- whose screen ---------------------------------------------------------------------------------------------- */

function roleOf(user) {
  if (user?.title) return user.title;
  if (world.truth.growers.some((grower) => grower.slack_user === user?.id)) return "Grower";
  return user?.is_admin ? "Admin" : "Member";
}

function drawPeople() {
  const nav = byId("people");
  const everyone = people();
  const focused = nav.contains(document.activeElement) ? document.activeElement.dataset.user : null;
  const first = everyone.slice(0, everyone.length > FACES ? FACES - 1 : FACES);
  const mine = everyone.find((user) => user.id === world.me);
  const shown = mine && !first.includes(mine) ? [...first.slice(0, -1), mine] : first;
  const rest = everyone.filter((user) => !shown.includes(user));
  fill(nav, h("span", { class: "people-label" }, "You are"), shown.map(face), rest.length > 0 && moreFaces(rest));
  if (focused) nav.querySelector(`[data-user="${CSS.escape(focused)}"]`)?.focus();
}

function face(user) {
  const waiting = user.id === world.me ? 0 : world.waiting.get(user.id);
  return h("button", { type: "button", class: "face", dataset: { user: user.id }, "aria-pressed": String(user.id === world.me), title: `${nameOf(user)} · ${roleOf(user)}`, onclick: () => become(user.id) },
    avatar(user, "small"), h("span", { class: "face-name" }, firstName(user)), h("span", { class: "face-role" }, roleOf(user)),
    waiting > 0 && h("span", { class: "count", "aria-label": `${waiting} unread` }, waiting));
}

function moreFaces(rest) {
  const waiting = rest.reduce((sum, user) => sum + (world.waiting.get(user.id) ?? 0), 0);
  const button = h("button", { type: "button", class: "face face-more", "aria-haspopup": "menu", "aria-expanded": "false" }, `+${rest.length}`, waiting > 0 && h("span", { class: "count" }, waiting));
  button.addEventListener("click", () => openMenu(button, rest.map((user) => ({ run: () => become(user.id), content: [avatar(user, "small"), h("span", {}, nameOf(user)), h("span", { class: "menu-note" }, roleOf(user))] })), { label: "Other people", width: 240 }));
  return button;
}

/* ---- sidebar --------------------------------------------------------------------------------------------------- */

function drawSidebar() {
  const nav = byId("sidebar");
  const me = thisPerson();
  const open = world.channels.filter((channel) => !channel.is_archived);
  const channels = open.filter((channel) => !channel.is_im);
  const direct = open.filter((channel) => channel.is_im && !isBotRoom(channel));
  const focused = nav.contains(document.activeElement) ? document.activeElement.dataset.channel : null;
  fill(nav,
    h("div", { class: "workspace" }, h("span", { class: "workspace-name" }, world.team?.name ?? "Workspace")),
    h("div", { class: "rooms" },
      group("Channels", channels.map(roomLink)),
      group("Direct messages", direct.map(roomLink)),
      group("Apps", world.bot ? [appLink()] : [])),
    me && h("div", { class: "me" }, avatar(me, "small"), h("div", { class: "me-text" }, h("strong", {}, nameOf(me)), h("span", {}, roleOf(me)))));
  if (focused) nav.querySelector(`[data-channel="${CSS.escape(focused)}"]`)?.focus();
}

const group = (title, links) => links.length > 0 && h("section", { class: "room-group" }, h("h2", {}, title), h("ul", {}, links.map((link) => h("li", {}, link))));

function roomLink(channel) {
  const peer = channel.is_im ? userById(channel.peer) : null;
  const mark = channel.is_im ? avatar(peer, "tiny") : icon(channel.is_private ? "lock" : "hash", 16);
  return room(channel.id, mark, channel.is_im ? nameOf(peer) : channel.name, channel.unread, channel.is_ext_shared && "shared");
}

function appLink() {
  const channel = botChannel();
  return room(channel?.id ?? "home", avatar({ is_bot: true }, "tiny"), world.bot.name, channel?.unread ?? 0);
}

function room(id, mark, name, unread, note) {
  const current = id === (world.channel ?? "home");
  const open = () => { showPanel("chat"); return id === "home" ? openChannel(null, "home") : openChannel(id); };
  return h("button", { type: "button", class: `room-link ${unread > 0 && !current ? "unread" : ""}`, "aria-current": current ? "page" : null, dataset: { channel: id, name }, onclick: open },
    mark, h("span", { class: "room-name" }, name), note && h("span", { class: "room-note" }, note), unread > 0 && !current && h("span", { class: "count", "aria-label": `${unread} unread` }, unread));
}

/* ---- head of the room and App Home ----------------------------------------------------------------------------- */

function drawHead() {
  const channel = channelById(world.channel);
  const app = isBotRoom(channel) || (!channel && world.tab === "home");
  const peer = channel?.is_im ? userById(channel.peer) : null;
  const title = app ? world.bot?.name : channel?.is_im ? nameOf(peer) : channel?.name;
  fill(byId("room-head"),
    app ? avatar({ is_bot: true }, "small") : peer ? avatar(peer, "small") : channel && icon(channel.is_private ? "lock" : "hash", 18),
    h("h1", { class: "room-title" }, title ?? ""),
    app && h("span", { class: "badge-app" }, "App"),
    peer && !app && h("span", { class: "room-about" }, roleOf(peer)),
    channel?.is_ext_shared && h("span", { class: "badge-shared" }, "Shared with another organisation"),
    app && h("div", { class: "tabs", role: "tablist", "aria-label": "App" }, tab("Home", "home", channel), tab("Messages", "messages", channel)));
}

const tab = (label, name, channel) => h("button", { type: "button", role: "tab", "aria-selected": String(world.tab === name), disabled: name === "messages" && !channel, dataset: { tab: name }, onclick: () => openChannel(channel?.id ?? null, name) }, label);

let homeState = null;

function drawHome() {
  const home = byId("home");
  const visible = world.tab === "home";
  home.hidden = !visible;
  byId("messages").hidden = visible;
  byId("composer").hidden = visible;
  if (!visible) { homeState = null; return; }
  const state = JSON.stringify([world.me, world.home]);
  if (state === homeState) return;
  homeState = state;
  if (!world.home) return fill(home, h("div", { class: "beginning" }, h("h2", {}, "Nothing here yet"), h("p", {}, "The app has not published a home for this person.")));
  fill(home, h("div", { class: "home-blocks blocks" }, drawBlocks(world.home.blocks, { address: { view_id: world.home.id }, form: null })));
}

/* ---- panels on small screens, theme, notices ------------------------------------------------------------------- */

export function showPanel(name) {
  document.body.dataset.panel = name;
  for (const button of document.querySelectorAll(".panels button")) button.setAttribute("aria-pressed", String(button.dataset.shows === name));
}

function startPanels() {
  for (const button of document.querySelectorAll(".panels button")) button.addEventListener("click", () => showPanel(button.dataset.shows));
  showPanel("chat");
  const toggle = byId("backstage-button");
  fill(toggle, icon("panel", 20));
  const narrow = matchMedia("(max-width: 1079px)");
  const set = (open) => { document.body.classList.toggle("without-backstage", !open); toggle.setAttribute("aria-expanded", String(open)); };
  toggle.addEventListener("click", () => set(document.body.classList.contains("without-backstage")));
  narrow.addEventListener("change", () => set(!narrow.matches));
  set(!narrow.matches);
  on("show-backstage", () => { set(true); if (matchMedia("(max-width: 719px)").matches) showPanel("backstage"); });
}

function startTheme() {
  const button = byId("theme-button");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const draw = () => fill(button, icon(isDark() ? "sun" : "moon", 20));
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try { localStorage.setItem("demo.theme", theme); } catch { /* then it holds for this visit only */ }
    draw();
  });
  dark.addEventListener("change", draw);
  draw();
}

function drawOnline() {
  const notice = byId("room-notice");
  notice.hidden = world.online;
  fill(notice, "Connection to the demo lost. Trying again…");
}

function showToast({ text, tone }) {
  const toast = h("div", { class: `toast ${tone}` }, icon(tone === "bad" ? "warning" : tone === "good" ? "check" : "chat", 16), h("span", {}, text));
  const others = byId("toasts").children;
  if (others.length > 1) others[0].remove();
  byId("toasts").append(toast);
  setTimeout(() => toast.remove(), 6000);
}
