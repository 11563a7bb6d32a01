// What the page knows, kept in step with the server; the views subscribe to what concerns them.

import { demo, follow, slack, Unreachable } from "./api.js";
import { followClock } from "./time.js";

export const world = {
  me: null,
  team: {},
  bot: null,
  cast: [],
  users: [],
  channels: [],
  channel: null,
  tab: "messages",
  messages: [],
  thread: null,
  view: null,
  home: null,
  waiting: new Map(),
  commands: [],
  truth: { clock: null, growers: [], faults: {} },
  audit: [],
  online: true,
};

const listeners = new Map();

export function on(topics, listener) {
  for (const topic of topics.split(" ")) listeners.set(topic, [...(listeners.get(topic) ?? []), listener]);
}

export function emit(topic, detail) {
  for (const listener of listeners.get(topic) ?? []) listener(detail);
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

export const userById = (id) => world.users.find((user) => user.id === id) ?? null;
export const channelById = (id) => world.channels.find((channel) => channel.id === id) ?? null;
export const people = () => world.cast.map(userById).filter(Boolean);
export const everyone = () => world.users.filter((user) => !user.is_bot && !user.deleted);
export const agent = () => people()[0] ?? null;
export const nameOf = (user) => user?.real_name || user?.name || "Someone";
export const firstName = (user) => nameOf(user).split(" ")[0];
export const botChannel = () => world.channels.find((channel) => channel.is_im && channel.peer === world.bot?.user_id) ?? null;
export const isBotRoom = (channel) => Boolean(channel?.is_im && channel.peer === world.bot?.user_id);
export const thisPerson = () => userById(world.me);

/* ---- acting ---------------------------------------------------------------------------------------------------- */

let stopFollowing = () => {};

/** See the workspace as this person does. */
export async function become(user) {
  if (!user || user === world.me) return;
  stopFollowing();
  remember("me", user);
  Object.assign(world, { me: user, channel: null, thread: null, view: null, home: null, messages: [], tab: "messages" });
  emit("person");
  await refresh();
  stopFollowing = follow(user, refresh, setOnline);
}

export async function openChannel(id, tab = "messages") {
  if (world.channel === id && world.tab === tab) return emit("room");
  Object.assign(world, { channel: id, tab, thread: null, messages: world.channel === id ? world.messages : [] });
  remember(`channel.${world.me}`, `${tab}:${id ?? ""}`);
  emit("room");
  if (tab === "home") await loadHome(false);
  await refresh();
}

export function openThread(ts) {
  world.thread = ts;
  emit("thread");
}

const CONSENT = /\/connect\/[^/]+/;
export const isConsentLink = (address) => CONSENT.test(address);

/** A consent page opens as on a phone. It may not be framed, so it gets a window of a phone's size. */
export function openLink(address) {
  const phone = isConsentLink(address);
  window.open(address, "_blank", phone ? "popup,noopener,noreferrer,width=412,height=860" : "noopener,noreferrer");
  if (phone) emit("phone-opened", address);
}

export function toast(text, tone = "info") {
  emit("toast", { text, tone });
}

/** Do it, and show an unreachable demo as a toast: the answer, or null. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    toast(error.message, "bad");
    return null;
  }
}

/* ---- keeping in step ------------------------------------------------------------------------------------------- */

let running = false;
let again = false;

/** Read again everything this person sees; calls during a run lead to one more run. */
export async function refresh() {
  again = true;
  if (running) return;
  running = true;
  try {
    while (again) {
      again = false;
      await readEverything();
    }
    setOnline(true);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    setOnline(false);
  } finally {
    running = false;
  }
}

async function readEverything() {
  const me = world.me;
  const state = await slack.state(me);
  if (me !== world.me) return;
  take({ team: state.team, bot: state.bot, users: state.users, channels: state.channels }, "people");
  if (world.channel && !channelById(world.channel)) world.channel = null;
  if (!world.channel && world.tab === "messages") chooseRoom();
  if (!world.channel && botChannel()) {
    world.channel = botChannel().id;
    emit("room");
  }
  const room = world.channel;
  const [messages, view] = await Promise.all([room ? slack.messages(me, room) : { messages: [] }, slack.view(me)]);
  if (me !== world.me) return;
  if (room === world.channel) take({ messages: messages.messages }, "messages");
  take({ view: view.view }, "view");
  if (world.tab === "home") await loadHome(true);
}

async function loadHome(quiet) {
  const me = world.me;
  const answer = await slack.home(me, quiet);
  if (me === world.me) take({ home: answer.view }, "home");
}

function chooseRoom() {
  const [tab, id] = (recall(`channel.${world.me}`) ?? "").split(":");
  const known = channelById(id);
  const first = world.channels.find((channel) => !channel.is_im && !channel.is_archived && channel.name === "growers")
    ?? world.channels.find((channel) => !channel.is_im && !channel.is_archived) ?? world.channels[0];
  world.channel = known?.id ?? first?.id ?? null;
  world.tab = tab === "home" && known ? "home" : "messages";
  emit("room");
}

/** Store values and tell, but only when one of them is news. */
function take(values, topic) {
  const news = Object.entries(values).some(([name, value]) => JSON.stringify(value) !== JSON.stringify(world[name]));
  if (!news) return;
  Object.assign(world, values);
  emit(topic);
}

function setOnline(online) {
  if (world.online === online) return;
  world.online = online;
  emit("online");
}

/* ---- the backstage --------------------------------------------------------------------------------------------- */

export async function refreshBackstage() {
  const [truth, rows] = await Promise.all([demo.truth(), demo.audit(world.audit.at(-1)?.seq ?? 0)]);
  followClock(truth.clock);
  take({ truth }, "truth");
  emit("clock");
  if (rows.length) {
    const known = new Set(world.audit.map((row) => row.seq));
    world.audit = [...world.audit, ...rows.filter((row) => !known.has(row.seq))].slice(-500);
    emit("audit");
  }
}

/** What is unread for the people whose screen is not shown. */
async function refreshOthers() {
  const others = people().filter((user) => user.id !== world.me);
  const states = await Promise.all(others.map((user) => slack.state(user.id)));
  const waiting = new Map(others.map((user, index) => [user.id, states[index].channels.reduce((sum, channel) => sum + (channel.unread || 0), 0)]));
  if (JSON.stringify([...waiting]) === JSON.stringify([...world.waiting])) return;
  world.waiting = waiting;
  emit("waiting");
}

async function lookAround() {
  if (document.hidden) return;
  try {
    await Promise.all([refreshBackstage(), refreshOthers()]);
    setOnline(true);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    setOnline(false);
  }
}

export async function start() {
  [world.cast, world.commands] = await Promise.all([demo.cast(), demo.commands()]);
  const last = recall("me");
  await refreshBackstage();
  await become(world.cast.includes(last) ? last : world.cast[0]);
  await refreshOthers();
  setInterval(lookAround, 2000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { lookAround(); refresh(); } });
}

/* ---- memory of this tab ---------------------------------------------------------------------------------------- */

export function remember(name, value) {
  try {
    sessionStorage.setItem(`demo.${name}`, value);
  } catch { /* without storage the page simply forgets */ }
}

function recall(name) {
  try {
    return sessionStorage.getItem(`demo.${name}`);
  } catch {
    return null;
  }
}
