// Backstage: what is true of every grower according to each party, and what an operator may do to the world.

import { h, byId, fill, icon, spinner } from "./dom.js";
import { demo, slack } from "./api.js";
import { avatar } from "./avatar.js";
import { openMenu } from "./popover.js";
import { ago, clockTime, daysAgo, fullTime, now, secondsTime, shortDate, worldTime } from "./time.js";
import { attempt, isConsentLink, nameOf, on, openLink, refresh, refreshBackstage, toast, userById, world } from "./world.js";

const FAULTS = {
  leaf: { title: "Leaf", offers: { outage: "Outage", html: "Gibberish", slow: "Slow" } },
  fieldview: { title: "FieldView", offers: { outage: "Outage", html: "Gibberish", slow: "Slow" } },
  slack: { title: "Slack", offers: { rate_limit: "Rate limit", outage: "Outage" } },
};
const FAULT_WORDS = { outage: "answers 503", html: "answers with HTML", slow: "is slow", rate_limit: "answers 429", forbid: "answers 403" };
const JUMPS = [["+1 h", 3600, "one hour"], ["+1 day", 86_400, "one day"], ["+8 days", 691_200, "eight days"]];

export function startBackstage() {
  fill(byId("backstage"),
    h("header", { class: "backstage-head" }, h("div", {}, h("h2", {}, "Backstage"), h("p", {}, "What happens to the world")), h("div", { class: "world-clock", id: "world-clock" })),
    h("div", { class: "levers" },
      h("div", { class: "verbs" }, h("span", { class: "levers-label" }, "Jump"), JUMPS.map(([label, seconds, words]) => verb(label, "jump", { seconds }, { title: `Let ${words} pass` })),
        verb("Sweep now", "sweep", {}, { mark: "sweep", title: "Let the bot check every credential at Leaf now", tone: "verb-end" })),
      h("div", { class: "services", id: "services", role: "group", "aria-label": "Outside services" })),
    h("section", { class: "growers", "aria-label": "Growers" }, h("div", { id: "growers" })),
    h("section", { class: "trail", id: "trail", "aria-label": "Audit trail" }, h("div", { class: "desk-title" }, h("h3", {}, "Audit trail"), h("span", { class: "trail-count", id: "trail-count" })),
      h("div", { class: "trail-list", id: "trail-list", tabIndex: 0, role: "log", "aria-label": "Audit rows, newest first" })));
  on("truth people", drawGrowers);
  on("truth", drawServices);
  on("clock", drawClock);
  on("audit people", drawAudit);
  drawGrowers();
  drawServices();
  drawAudit();
}

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

function verb(label, name, args, { mark = null, title = null, tone = "", disabled = false } = {}) {
  return h("button", { type: "button", class: `verb ${tone}`, title, disabled, dataset: { verb: name, ...args }, onclick: (event) => act(name, args, event.currentTarget) }, mark && icon(mark, 14), label);
}

async function act(name, args, button) {
  if (button.getAttribute("aria-busy")) return;
  button.setAttribute("aria-busy", "true");
  const working = spinner();
  button.append(working);
  const answer = await attempt(() => demo.do(name, args));
  working.remove();
  button.removeAttribute("aria-busy");
  if (answer) toast(answer.ok ? answer.said : answer.error, answer.ok ? "good" : "bad");
  await attempt(refreshBackstage);
  await refresh();
}

/* ---- growers --------------------------------------------------------------------------------------------------- */

const TONES = [
  [/^(ok|valid|healthy|granted|active|connected)$/, "good"],
  [/(revoked|invalid|unauth|expired|broken|dead|declined|gone)/, "bad"],
  [/(limited|restricted|missing|permission)/, "warn"],
  [/(pending|invited|unavailable|waiting|checking)/, "wait"],
  [/^(never|none|not.connected|disconnected|)$/, "none"],
];

/** good, bad, warn, wait, none or odd: how a party's word for a connection is coloured. */
export function toneOf(word) {
  const plain = String(word ?? "").toLowerCase();
  return TONES.find(([pattern]) => pattern.test(plain))?.[1] ?? "odd";
}

function drawGrowers() {
  const place = byId("growers");
  const focus = document.activeElement?.closest?.(".grower") ? { grower: document.activeElement.dataset.grower, verb: document.activeElement.dataset.verb } : null;
  fill(place, [...world.truth.growers].sort(inSlackFirst).map(growerCard));
  if (!world.truth.growers.length) fill(place, h("p", { class: "list-note" }, "No growers yet."));
  if (focus?.verb) place.querySelector(`[data-verb="${CSS.escape(focus.verb)}"][data-grower="${CSS.escape(focus.grower)}"]`)?.focus();
}

const inSlackFirst = (one, other) => Number(Boolean(other.slack_user)) - Number(Boolean(one.slack_user));

function growerCard(grower) {
  const granted = grower.fieldview === "granted" || grower.fieldview === "restricted";
  const args = { grower: grower.id };
  return h("article", { class: "grower", dataset: { name: grower.name } },
    h("div", { class: "grower-head" }, avatar(userById(grower.slack_user) ?? { id: grower.id, real_name: grower.name }, "small"),
      h("div", { class: "grower-name" }, h("strong", {}, grower.name), h("span", { title: grower.email }, grower.slack_user ? "in Slack" : "not in Slack", grower.email && ` · ${grower.email}`)),
      h("button", { type: "button", class: "verb phone", title: `Open the newest consent link of ${grower.name}, as on a phone`, dataset: { phone: grower.id }, onclick: (event) => openPhone(grower, event.currentTarget) }, icon("phone", 15), "Phone")),
    h("dl", { class: "truths" }, truth("FieldView", grower.fieldview), truth("Leaf", grower.leaf_status ?? "none"), truth("Bot believes", grower.bot_status ?? "none", grower.since)),
    gap(grower) && h("p", { class: "gap" }, gap(grower)),
    toneOf(grower.fieldview) !== "none" && h("div", { class: "verbs" },
      verb("Revoke at FieldView", "revoke", args, { tone: "verb-danger", disabled: !granted }),
      verb("Restrict scopes", "restrict", args, { disabled: grower.fieldview !== "granted" }),
      verb("Restore", "restore", args, { disabled: grower.fieldview === "granted" || grower.fieldview === "never" })));
}

function truth(party, word, since) {
  const title = since ? `since ${fullTime(new Date(since))}` : null;
  return h("div", { class: `truth tone-${toneOf(word)}`, title }, h("dt", {}, party), h("dd", {}, word.replaceAll("_", " ")));
}

/** In words, what one party has not noticed yet. */
function gap(grower) {
  const [fieldview, leaf, bot] = [grower.fieldview, grower.leaf_status, grower.bot_status].map(toneOf);
  if (fieldview === "none") return "Nobody has asked yet, or the link still waits to be opened.";
  if (bot === "none") return null;
  if (fieldview === "bad" && leaf === "good") return "Leaf has not used the grant since; nobody knows yet.";
  if (leaf !== bot && ["bad", "warn", "good"].includes(leaf) && ["bad", "warn", "good"].includes(bot)) return "Leaf knows; the bot hears of it at the next sweep or alert.";
  return grower.since && bot !== "good" ? `Noticed ${ago(new Date(grower.since))}.` : null;
}

async function openPhone(grower, button) {
  button.setAttribute("aria-busy", "true");
  const address = await attempt(() => newestLink(grower));
  button.removeAttribute("aria-busy");
  if (address) return openLink(address);
  if (address === null) toast(`No link for ${grower.name} yet: type /fieldview connect ${grower.name}`, "info");
  return undefined;
}

/** The newest consent link this grower got by message; for a grower outside Slack, the one the person on screen was given. */
async function newestLink(grower) {
  const reader = grower.slack_user ?? world.me;
  const { channels } = await slack.state(reader);
  const rooms = channels.filter((channel) => !grower.slack_user || channel.is_im);
  const lists = await Promise.all(rooms.map((channel) => slack.messages(reader, channel.id)));
  const messages = lists.flatMap((list) => list.messages).filter((message) => grower.slack_user || JSON.stringify(message).includes(grower.name)).sort((a, b) => Number(b.ts) - Number(a.ts));
  for (const message of messages) {
    const found = JSON.stringify([message.blocks, message.text]).match(/https?:\/\/[^"|<>\\\s)]+/g)?.find(isConsentLink);
    if (found) return found;
  }
  return null;
}

/* ---- services and clock ---------------------------------------------------------------------------------------- */

function drawServices() {
  const focused = byId("services").contains(document.activeElement) ? document.activeElement.dataset.service : null;
  fill(byId("services"), Object.entries(FAULTS).map(([service, { title, offers }]) => {
    const active = world.truth.faults[service] ?? [];
    const button = h("button", { type: "button", class: `service ${active.length ? "broken" : ""}`, "aria-haspopup": "menu", "aria-expanded": "false", dataset: { service } },
      h("span", { class: "lamp", "aria-hidden": "true" }), h("span", { class: "service-name" }, h("strong", {}, title), h("span", {}, active.length ? active.map((fault) => FAULT_WORDS[fault] ?? fault).join(", ") : "works")), icon("down", 14));
    button.addEventListener("click", () => openMenu(button, serviceMenu(service, title, offers, active, button), { label: title, width: 250 }));
    return button;
  }));
  if (focused) byId("services").querySelector(`[data-service="${focused}"]`)?.focus();
}

function serviceMenu(service, title, offers, active, button) {
  const breaks = Object.entries(offers).filter(([how]) => !active.includes(how)).map(([how, label]) => ({ run: () => act("break", { service, how }, button), content: [h("strong", {}, label), h("span", { class: "menu-note" }, FAULT_WORDS[how])] }));
  const heal = { run: () => act("heal", { service }, button), content: [icon("heal", 15), h("strong", {}, `Heal ${title}`)] };
  const healAll = { run: () => act("heal", { service: "all" }, button), content: [icon("heal", 15), h("strong", {}, "Heal everything")] };
  const broken = Object.values(world.truth.faults).filter((faults) => faults.length).length;
  return [...(active.length ? [heal] : []), ...(broken > 1 ? [healAll] : []), ...breaks];
}

function drawClock() {
  const date = now();
  const ahead = Math.round((date - Date.now()) / 60_000);
  const state = `${worldTime(date)}|${ahead}`;
  const place = byId("world-clock");
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  fill(place, icon("clock", 15), h("span", {}, worldTime(date)), Math.abs(ahead) > 1 && h("em", {}, aheadWords(ahead)));
}

function aheadWords(minutes) {
  const days = Math.floor(minutes / 1440);
  const hours = Math.round((minutes % 1440) / 60);
  return `${[days && `${days} d`, hours && `${hours} h`].filter(Boolean).join(" ") || `${minutes} min`} ahead`;
}

/* ---- audit trail ----------------------------------------------------------------------------------------------- */

const OUTCOMES = [[/^(ok|done|success|sent|connected|healthy|delivered|completed|accepted)/i, "good"], [/(fail|error|crash|refus|denied|invalid|broken|revoked|not.allowed)/i, "bad"]];
let lastSeen = null;

function drawAudit() {
  const rows = [...world.audit].reverse();
  byId("trail-count").textContent = rows.length ? `${rows.length} ${rows.length === 1 ? "row" : "rows"}` : "";
  if (!rows.length) return fill(byId("trail-list"), h("p", { class: "list-note" }, "Every command, click and change of state will be written here, with who did it."));
  fill(byId("trail-list"), rows.map((row) => auditRow(row, lastSeen !== null && row.seq > lastSeen)));
  lastSeen = rows[0].seq;
}

function auditRow(row, fresh) {
  const date = new Date(row.at);
  const tone = OUTCOMES.find(([pattern]) => pattern.test(row.outcome))?.[1] ?? "plain";
  return h("div", { class: `audit ${fresh ? "fresh" : ""}`, dataset: { seq: row.seq } },
    h("span", { class: "audit-seq" }, `#${row.seq}`), h("time", { class: "audit-at", datetime: row.at, title: fullTime(date) }, daysAgo(date) === 0 ? secondsTime(date) : `${shortDate(date)} ${clockTime(date)}`),
    h("span", { class: "audit-who" }, who(row.who)), h("span", { class: `audit-outcome tone-${tone}` }, row.outcome),
    h("span", { class: "audit-what" }, h("b", {}, row.what), row.target && ` ${who(row.target)}`));
}

const who = (id) => (userById(id) ? nameOf(userById(id)) : id);
