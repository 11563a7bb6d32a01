// Five steps through the whole story. Each one notices by itself that it has been done.

import { h, byId, fill, icon } from "./dom.js";
import { toneOf } from "./backstage.js";
import { type } from "./composer.js";
import { showPanel } from "./shell.js";
import { agent, become, botChannel, emit, firstName, on, openChannel, userById, world } from "./world.js";

const REMEMBERED = "demo.tour";
let step = -1;
let grower = null;
let card = null;
let ring = null;
let asked = false;
let opened = false;
let unreadBefore = 0;

/* ---- the cast -------------------------------------------------------------------------------------------------- */

const cast = () => world.truth.growers.find((one) => one.slack_user && /^Ada\b/.test(one.name)) ?? world.truth.growers.find((one) => one.slack_user) ?? world.truth.growers[0];
const truthNow = () => world.truth.growers.find((one) => one.id === grower?.id);
const called = () => (userById(grower?.slack_user) ? firstName(userById(grower.slack_user)) : grower?.name);
const asking = () => `/fieldview connect ${grower?.name}`;
// By name: a grower sees no channel, and reads the same tour.
const STAGE = "growers";
const NEWS = "fieldview-alerts";
const channelCalled = (name) => world.channels.find((channel) => channel.name === name);
const stage = () => channelCalled(STAGE);
const news = () => channelCalled(NEWS);
const unread = () => world.waiting.get(grower?.slack_user) ?? 0;
const believed = () => toneOf(truthNow()?.bot_status);

const STEPS = [
  {
    title: "Ask a grower to connect",
    text: () => ["As ", h("b", {}, firstName(agent())), " in ", h("b", {}, `#${STAGE}`), ", type ", h("code", {}, asking()), " and press Enter."],
    at: () => (world.me === agent()?.id ? byId("composer") : face(agent()?.id)),
    side: "above",
    help: "Type it for me",
    run: async () => { await goTo(agent()?.id, stage); type(asking()); },
    done: () => asked && (unread() > unreadBefore || believed() !== "none"),
  },
  {
    title: "Receive the link",
    text: () => ["Switch to ", h("b", {}, called()), ", open the message from the app and press its button. The link opens as on a phone, in a window of its own."],
    side: "below",
    at: () => (world.me === grower?.slack_user ? linkButton() ?? room(botChannel()?.id) ?? byId("sidebar") : face(grower?.slack_user)),
    there: () => Boolean(linkButton()),
    help: "Take me there",
    run: () => goTo(grower?.slack_user, botChannel),
    done: () => opened,
  },
  {
    title: "Consent at FieldView",
    text: () => ["In the new window, read who asks and for what, go on to FieldView and approve. Then ", h("b", {}, `#${NEWS}`), " hears of it."],
    at: () => growerCard(),
    help: "Back to the channel",
    run: () => goTo(agent()?.id, news),
    done: () => believed() === "good",
  },
  {
    title: "Let it die",
    backstage: true,
    text: () => ["Backstage, press ", h("b", {}, "Revoke at FieldView"), ` for ${called()}, then `, h("b", {}, "Sweep now"), ". One card appears in ", h("b", {}, `#${NEWS}`), ", however often anybody looks."],
    at: () => button("revoke") ?? document.querySelector("[data-verb=sweep]"),
    help: "Show the channel",
    run: () => goTo(agent()?.id, news),
    done: () => believed() === "bad",
  },
  {
    title: "Repair it",
    text: () => [`Ask ${called()} again, from the card or with `, h("code", {}, asking()), ", and approve once more. The same card turns green, and the audit trail tells who did what."],
    at: () => byId("trail"),
    side: "left",
    help: "Show the channel",
    run: () => goTo(agent()?.id, news),
    done: () => believed() === "good",
  },
];

const face = (id) => id && document.querySelector(`.face[data-user="${CSS.escape(id)}"]`);
const room = (id) => id && document.querySelector(`.room-link[data-channel="${CSS.escape(id)}"]`);
const button = (verb) => grower && document.querySelector(`.verb[data-verb="${verb}"][data-grower="${CSS.escape(grower.id)}"]:not(:disabled)`);
const growerCard = () => grower && document.querySelector(`.grower[data-name="${CSS.escape(grower.name)}"]`);
const linkButton = () => (world.channel === botChannel()?.id ? [...document.querySelectorAll("#messages [data-url*='/connect/'], #messages a[href*='/connect/']")].at(-1) : null);

/** `channel` is asked for once this person's channels are there. */
async function goTo(user, channel) {
  showPanel("chat");
  if (user) await become(user);
  const target = channel()?.id;
  if (target) await openChannel(target);
  place();
}

/* ---- running --------------------------------------------------------------------------------------------------- */

export function startTour() {
  byId("tour-button").addEventListener("click", () => begin());
  on("command", (sent) => { asked ||= sent.ok && /^\/fieldview\s+connect\s+\S/.test(sent.text); check(); });
  on("phone-opened", () => { opened = true; check(); });
  on("truth waiting", check);
  on("truth people person room messages waiting", () => requestAnimationFrame(place));
  window.addEventListener("resize", place);
  document.addEventListener("scroll", place, true);
  if (!remembered()) begin();
}

function remembered() {
  try { return localStorage.getItem(REMEMBERED) !== null; } catch { return true; }
}

function remember(how) {
  try { localStorage.setItem(REMEMBERED, how); } catch { /* then it is offered again */ }
}

function begin() {
  grower = cast();
  if (!grower) return;
  asked = opened = false;
  unreadBefore = unread();
  if (innerWidth >= 1080) emit("show-backstage");
  showPanel("chat");
  ring ??= document.body.appendChild(h("div", { class: "tour-ring", "aria-hidden": "true" }));
  card ??= document.body.appendChild(h("aside", { class: "tour-card", role: "dialog", "aria-label": "Tour" }));
  go(0);
}

function check() {
  if (step === 1 && believed() === "good") go(3);
  else if (STEPS[step]?.done()) go(step + 1);
}

function go(next) {
  step = next;
  if (step >= STEPS.length) return finish();
  if (STEPS[step].backstage) emit("show-backstage");
  draw();
  STEPS[step].at()?.scrollIntoView({ block: "nearest" });
  place();
  return undefined;
}

function end(how) {
  remember(how);
  step = -1;
  ring?.remove();
  card?.remove();
  ring = card = null;
}

function draw() {
  const { title, text, help, run } = STEPS[step];
  fill(card,
    h("div", { class: "tour-head" }, h("span", { class: "tour-count" }, `Step ${step + 1} of ${STEPS.length}`), h("button", { type: "button", class: "icon-button", "aria-label": "Skip the tour", onclick: () => end("skipped") }, icon("close", 16))),
    h("h2", {}, title), h("p", {}, text()),
    h("div", { class: "tour-foot" }, h("span", { class: "dots", "aria-hidden": "true" }, STEPS.map((_, index) => h("i", { class: index === step ? "on" : index < step ? "past" : "" }))),
      h("button", { type: "button", class: "text-button", onclick: () => go(step + 1) }, "Next"), h("button", { type: "button", class: "btn btn-primary tour-help", onclick: run }, help)));
}

function finish() {
  step = STEPS.length;
  fill(card, h("div", { class: "tour-head" }, h("span", { class: "tour-count" }, "That is the whole story")), h("h2", {}, "Connected, lost, repaired"),
    h("p", {}, "Every step stands in the audit trail. Try the rest: break Leaf and see that no grower is blamed, ask for ", h("code", {}, "/fieldview status"), ", or jump eight days ahead and see a link expire."),
    h("div", { class: "tour-foot" }, h("span", {}), h("button", { type: "button", class: "btn btn-primary", onclick: () => end("done") }, "Look around")));
  place();
}

/* ---- where it stands ------------------------------------------------------------------------------------------- */

const GAP = 14;
const MARGIN = 12;
const TOP = 60;

function place() {
  if (!card || step < 0) return;
  const { at, side, there } = STEPS[step] ?? { at: () => byId("trail"), side: "left" };
  const box = (at() ?? byId("composer")).getBoundingClientRect();
  const hidden = box.width === 0 || box.bottom < 0 || box.top > innerHeight;
  ring.hidden = hidden;
  for (const [name, value] of Object.entries({ left: box.left - 5, top: box.top - 5, width: box.width + 10, height: box.height + 10 })) ring.style.setProperty(name, `${value}px`);
  const help = card.querySelector(".tour-help");
  if (help) help.hidden = Boolean(there?.());
  const [left, top] = hidden || innerWidth < 720 ? [(innerWidth - card.offsetWidth) / 2, TOP + 4] : beside(box, side);
  card.style.setProperty("left", `${left}px`);
  card.style.setProperty("top", `${top}px`);
}

/** Beside what it speaks of, on the wished side or else the first one with room: over neither that, nor the desk's
 * levers, nor the place to write. */
function beside(box, wished) {
  const { offsetWidth: width, offsetHeight: height } = card;
  const desk = byId("backstage").getBoundingClientRect();
  const edge = desk.width && desk.left > width + GAP + MARGIN ? desk.left : innerWidth;
  const floor = byId("composer").getBoundingClientRect().top || innerHeight;
  const across = Math.max(MARGIN, Math.min(box.left + GAP, edge - width - MARGIN));
  const along = Math.max(TOP, Math.min(box.top, floor - height - MARGIN));
  const leftwards = Math.min(box.left, edge) - width - GAP;
  const sides = {
    left: leftwards > MARGIN && [leftwards, along],
    right: box.right + width + GAP < edge && [box.right + GAP, along],
    below: box.bottom + height + GAP < floor && [across, box.bottom + GAP],
    // At its right end: what is suggested while somebody types stands at the left.
    above: [Math.max(MARGIN, Math.min(box.right, edge) - width - GAP), Math.max(TOP, box.top - height - GAP)],
  };
  return sides[wished] || sides.right || sides.left || sides.below || sides.above;
}
