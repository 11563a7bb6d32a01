// The list of messages and the thread beside it. Only what changed is drawn again, so nothing jumps.

import { h, byId, fill, icon } from "./dom.js";
import { slack } from "./api.js";
import { avatar } from "./avatar.js";
import { dayDivider, drawBlocks } from "./blocks.js";
import { mrkdwn } from "./text.js";
import { clockTime, dateOf, fullTime, messageTime } from "./time.js";
import { attempt, channelById, isBotRoom, nameOf, on, openThread, refresh, userById, world } from "./world.js";

const dismissed = new Set();
const own = new Map();
let drawn = new Map();
let room = null;

export function startMessages() {
  on("messages people room person", draw);
  on("thread messages", drawThread);
  on("clock", tick);
  const list = byId("messages");
  new ResizeObserver(() => { if (atBottom) list.scrollTop = list.scrollHeight; }).observe(list);
  list.addEventListener("scroll", () => { atBottom = list.scrollHeight - list.scrollTop - list.clientHeight < 60; byId("messages").classList.toggle("scrolled", list.scrollTop > 4); });
}

let atBottom = true;

/** Show something only on this page, as Slack's own helper would: "… failed with the error …". */
export function sayPrivately(text) {
  const ts = (Date.now() / 1000).toFixed(6);
  const key = `${world.me}:${world.channel}`;
  own.set(key, [...(own.get(key) ?? []), { ts: `own-${ts}`, user: null, system: true, ephemeral: true, text, at: dateOf(ts) }]);
  atBottom = true;
  draw();
}

const timeOf = (message) => message.at ?? dateOf(message.ts);
const isReply = (message) => message.thread_ts && message.thread_ts !== message.ts;

function draw() {
  const list = byId("messages");
  const here = `${world.me}:${world.channel}`;
  if (room !== here) {
    room = here;
    drawn = new Map();
    atBottom = true;
    list.replaceChildren();
  }
  const top = world.messages.filter((message) => !isReply(message) && !dismissed.has(message.ts));
  const shown = [...top, ...(own.get(here) ?? []).filter((message) => !dismissed.has(message.ts))];
  const nodes = [beginning()];
  const fresh = drawn.size > 0;
  const next = new Map();
  let before = null;
  for (const message of shown) {
    if (!before || timeOf(before).toDateString() !== timeOf(message).toDateString()) nodes.push(keyed(next, `day:${timeOf(message).toDateString()}`, "", () => dayDivider(timeOf(message))));
    const follows = before && sameBreath(before, message);
    nodes.push(keyed(next, message.ts, JSON.stringify([message, follows, names(message)]), () => messageNode(message, { follows, fresh })));
    before = message;
  }
  drawn = next;
  reconcile(list, nodes);
  if (atBottom) list.scrollTop = list.scrollHeight;
}

const names = (message) => nameOf(userById(message.user));

function keyed(next, key, state, make) {
  const old = drawn.get(key);
  const entry = old && old.state === state ? old : { state, node: make() };
  if (old && old !== entry && !key.startsWith("day:")) entry.node.classList.add("changed");
  next.set(key, entry);
  return entry.node;
}

function reconcile(list, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => { if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null); });
}

let start = null;

function beginning() {
  const channel = channelById(world.channel);
  const key = JSON.stringify([world.me, channel?.id, channel?.name]);
  if (start?.key !== key) start = { key, node: beginningNode(channel) };
  return start.node;
}

function beginningNode(channel) {
  if (!channel) return h("div", { class: "beginning" }, h("p", {}, "Nothing to see here yet."));
  const peer = channel.is_im ? userById(channel.peer) : null;
  if (isBotRoom(channel)) return h("div", { class: "beginning" }, avatar(peer, "large"), h("h2", {}, world.bot.name), h("p", {}, "What the app tells you alone arrives here."));
  if (peer) return h("div", { class: "beginning" }, avatar(peer, "large"), h("h2", {}, nameOf(peer)), h("p", {}, "This conversation is between the two of you."));
  return h("div", { class: "beginning" }, h("h2", {}, `#${channel.name}`), h("p", {}, "This is the beginning of the channel. Type ", h("code", {}, "/fieldview"), " below to see what the app can do."));
}

const sameBreath = (before, message) => !before.ephemeral && !message.ephemeral && before.user === message.user && !message.reply_count && !before.reply_count && Math.abs(timeOf(message) - timeOf(before)) < 300_000;

function tick() {
  for (const time of document.querySelectorAll("time[data-ts]")) {
    const shown = messageTime(new Date(Number(time.dataset.ts)));
    if (time.textContent !== shown) time.textContent = shown;
  }
}

/* ---- one message ----------------------------------------------------------------------------------------------- */

function messageNode(message, { follows = false, fresh = false, inThread = false } = {}) {
  const user = message.system ? { id: "system", real_name: "Workspace helper" } : userById(message.user) ?? { id: message.user, real_name: message.user, is_bot: message.bot };
  const date = timeOf(message);
  const compact = follows && !inThread;
  const classes = ["message", message.ephemeral && "ephemeral", compact && "compact", fresh && "fresh"].filter(Boolean).join(" ");
  return h("article", { class: classes, dataset: { ts: message.ts, user: message.user ?? "", ephemeral: String(Boolean(message.ephemeral)) }, "aria-label": `${nameOf(user)}, ${clockTime(date)}` },
    message.ephemeral && onlyYou(message),
    h("div", { class: "gutter" }, compact ? h("span", { class: "gutter-time" }, clockTime(date)) : avatar(user)),
    h("div", { class: "message-main" },
      !compact && h("header", { class: "message-head" }, h("span", { class: "author" }, nameOf(user)), user.is_bot && h("span", { class: "badge-app" }, "App"), time(date)),
      messageBody(message),
      message.files?.length > 0 && h("div", { class: "files" }, message.files.map(fileCard)),
      !inThread && message.reply_count > 0 && replies(message)));
}

function fileCard(file) {
  const size = file.size < 1000 ? `${file.size} bytes` : `${Math.round(file.size / 1000)} kB`;
  return h("a", { class: "file", href: slack.fileAddress(world.me, file.id), download: file.name }, icon("file", 18),
    h("span", {}, h("span", { class: "file-name" }, file.title || file.name), h("span", { class: "file-kind" }, `${file.pretty_type} · ${size}`)));
}

const time = (date) => h("time", { class: "message-time", datetime: date.toISOString(), title: fullTime(date), dataset: { ts: String(date.getTime()) } }, messageTime(date));

function onlyYou(message) {
  return h("div", { class: "only-you" }, icon("eye", 14), h("span", {}, "Only visible to you"), h("button", { type: "button", class: "text-button", onclick: () => { dismissed.add(message.ts); draw(); } }, "Dismiss"));
}

function messageBody(message) {
  const edited = message.edited ? h("span", { class: "edited", title: "This message was edited" }, "(edited)") : null;
  const context = { address: { channel: world.channel, ts: message.ts }, form: null };
  if (message.blocks?.length) return h("div", { class: "message-body blocks" }, drawBlocks(message.blocks, context), edited);
  return h("div", { class: "message-body" }, h("div", { class: "message-text" }, mrkdwn(message.text ?? ""), edited && [" ", edited]));
}

function replies(message) {
  const answers = world.messages.filter((other) => other.thread_ts === message.ts && other.ts !== message.ts);
  const authors = [...new Set(answers.map((answer) => answer.user))].slice(0, 3);
  const last = answers.at(-1);
  return h("button", { type: "button", class: "replies", onclick: () => openThread(message.ts) },
    h("span", { class: "reply-faces" }, authors.map((id) => avatar(userById(id), "tiny"))),
    h("span", { class: "reply-count" }, `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`),
    last && h("span", { class: "reply-last" }, `Last reply ${messageTime(timeOf(last))}`));
}

/* ---- the thread ------------------------------------------------------------------------------------------------ */

let threadState = null;

function drawThread() {
  const pane = byId("thread");
  const root = world.messages.find((message) => message.ts === world.thread);
  document.body.classList.toggle("with-thread", Boolean(world.thread));
  pane.hidden = !world.thread;
  if (!world.thread) { threadState = null; pane.replaceChildren(); return; }
  const answers = world.messages.filter((message) => message.thread_ts === world.thread && message.ts !== world.thread);
  const state = JSON.stringify([world.me, world.channel, root, answers]);
  if (state === threadState) return;
  const opened = threadState === null;
  const typed = pane.querySelector("textarea")?.value ?? "";
  const typing = pane.querySelector("textarea") === document.activeElement;
  threadState = state;
  const channel = channelById(world.channel);
  fill(pane,
    h("header", { class: "thread-head" }, h("h2", {}, "Thread"), h("span", { class: "thread-place" }, channel?.is_im ? nameOf(userById(channel.peer)) : `#${channel?.name ?? ""}`),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close thread", onclick: () => openThread(null) }, icon("close"))),
    h("div", { class: "thread-list", tabIndex: 0 },
      root ? messageNode(root, { inThread: true }) : h("p", { class: "list-note" }, "This message is gone."),
      answers.length > 0 && h("div", { class: "thread-rule" }, h("span", {}, `${answers.length} ${answers.length === 1 ? "reply" : "replies"}`)),
      answers.map((answer) => messageNode(answer, { inThread: true }))),
    root && !root.ephemeral && answerBox());
  if (typed) pane.querySelector("textarea").value = typed;
  if (typing) pane.querySelector("textarea")?.focus();
  else if (opened) pane.querySelector(".icon-button").focus();
  pane.querySelector(".thread-list").scrollTop = opened ? 0 : pane.querySelector(".thread-list").scrollHeight;
}

function answerBox() {
  const text = h("textarea", { class: "composer-text", rows: 1, "aria-label": "Reply", placeholder: "Reply…" });
  const answer = async () => {
    const said = text.value.trim();
    if (!said) return;
    text.value = "";
    await attempt(() => slack.say(world.me, world.channel, said, world.thread));
    await refresh();
  };
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); answer(); } });
  return h("form", { class: "composer", onsubmit: (event) => { event.preventDefault(); answer(); } },
    h("div", { class: "composer-box reply-box" }, text, h("button", { type: "submit", class: "composer-send", "aria-label": "Send reply" }, icon("send", 18))));
}
