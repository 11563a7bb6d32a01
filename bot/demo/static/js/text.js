// Text objects and Slack's mrkdwn, ending as DOM nodes, never as HTML. Also what all ways of writing share: links, mentions.

import { h, safeHref } from "./dom.js";
import { emoji, withEmoji } from "./emoji.js";
import { fromTemplate } from "./time.js";
import { channelById, openChannel, openLink, userById, world } from "./world.js";

const decode = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

/** A composition object of type plain_text or mrkdwn (or a bare string, taken as plain text). */
export function textObject(object) {
  if (object === null || object === undefined) return [];
  if (typeof object === "string") return plain(object);
  if (object.type === "mrkdwn") return mrkdwn(object.text ?? "", { verbatim: object.verbatim });
  return plain(object.text ?? "", object.emoji !== false);
}

export const textOf = (object) => withEmoji(decode(typeof object === "string" ? object : (object?.text ?? "")));

function plain(text, shortcodes = true) {
  const shown = decode(shortcodes ? withEmoji(text) : text);
  return shown.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

export function mrkdwn(text, options = {}) {
  return String(text).split(/```([\s\S]*?)```/).flatMap((part, index) => {
    if (index % 2) return [h("pre", { class: "code-block" }, decode(part.replace(/^\n|\n$/g, "")))];
    const around = index > 0 ? part.replace(/^\n/, "") : part;
    return quotesAndLines(around, options);
  });
}

function quotesAndLines(text, options) {
  const nodes = [];
  let quote = null;
  const lines = text.split("\n");
  lines.forEach((line, index) => {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quoted && !/^<.*>$/.test(line)) {
      if (!quote) nodes.push((quote = h("blockquote")));
      else quote.append(h("br"));
      quote.append(...inline(quoted[1], options));
      return;
    }
    const afterQuote = quote !== null;
    quote = null;
    if (index > 0 && !afterQuote) nodes.push(h("br"));
    const item = /^(\s*)([•◦▪-]|\d+\.)\s+(.*)$/.exec(line);
    nodes.push(...(item ? [listLine(item, options)] : inline(line, options)));
  });
  return withoutBreakAround(nodes);
}

function listLine([, indent, bullet, rest], options) {
  const line = h("span", { class: "list-line" }, h("span", { class: "list-bullet" }, bullet === "-" ? "-" : bullet), h("span", {}, inline(rest, options)));
  if (indent.length) line.style.setProperty("--indent", String(Math.min(indent.length, 8)));
  return line;
}

/** A list line is a block of its own: the line break before and after it is not another one. */
function withoutBreakAround(nodes) {
  const isLine = (node) => node instanceof Element && node.classList.contains("list-line");
  return nodes.filter((node, index) => !(node instanceof HTMLBRElement && (isLine(nodes[index - 1]) || (isLine(nodes[index + 1]) && index > 0))));
}

const STYLES = { "*": "strong", _: "em", "~": "s" };
export const isWord = (character) => character !== undefined && /[\p{L}\p{N}]/u.test(character);

function inline(text, options) {
  const nodes = [];
  let plainText = "";
  const flush = () => {
    if (plainText) nodes.push(decode(plainText));
    plainText = "";
  };
  const add = (node) => { flush(); nodes.push(node); };
  for (let at = 0; at < text.length;) {
    const found = tokenAt(text, at, options);
    if (found) {
      add(found.node);
      at = found.end;
    } else {
      plainText += text[at];
      at += 1;
    }
  }
  flush();
  return nodes;
}

function tokenAt(text, at, options) {
  const character = text[at];
  if (character === "<") return angleAt(text, at);
  if (character === "`") return codeAt(text, at);
  if (character === ":") return emojiAt(text, at);
  if (character in STYLES) return styledAt(text, at, options);
  if (character === "h" && !options.verbatim) return bareLinkAt(text, at);
  return null;
}

function angleAt(text, at) {
  const end = text.indexOf(">", at);
  if (end < 0 || text.slice(at + 1, end).includes("\n")) return null;
  return { node: angle(text.slice(at + 1, end)), end: end + 1 };
}

function angle(inside) {
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? null : inside.slice(bar + 1);
  if (target.startsWith("@")) return mention(target.slice(1), label);
  if (target.startsWith("#")) return channelLink(target.slice(1), label);
  if (target.startsWith("!date^")) return dateNode(target.split("^"), label);
  if (target.startsWith("!")) return h("span", { class: "mention mention-all" }, `@${decode(label ?? target.slice(1).split("^")[0]).replace(/^@/, "")}`);
  return link(decode(target), label === null ? null : decode(withEmoji(label)));
}

function codeAt(text, at) {
  const end = text.indexOf("`", at + 1);
  if (end <= at + 1 || text.slice(at, end).includes("\n")) return null;
  return { node: h("code", {}, decode(text.slice(at + 1, end).replace(/<(https?:[^|>]+)(?:\|([^>]*))?>/g, "$1"))), end: end + 1 };
}

function emojiAt(text, at) {
  const match = /^:([a-z0-9_+'-]+):(?::skin-tone-\d:)?/.exec(text.slice(at, at + 60));
  const character = match && emoji(match[1]);
  if (!character) return null;
  return { node: emojiNode(character, match[1]), end: at + match[0].length };
}

export const emojiNode = (character, name) => h("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:` }, character);

function styledAt(text, at, options) {
  const mark = text[at];
  if (isWord(text[at - 1]) || text[at - 1] === mark || !text[at + 1] || /\s/.test(text[at + 1]) || text[at + 1] === mark) return null;
  const end = closingMark(text, at, mark);
  if (end < 0) return null;
  return { node: h(STYLES[mark], {}, inline(text.slice(at + 1, end), options)), end: end + 1 };
}

function closingMark(text, at, mark) {
  for (let end = at + 1; end < text.length && text[end] !== "\n"; end += 1) {
    if (text[end] === "<") end = skip(text, end, ">");
    else if (text[end] === "`") end = skip(text, end, "`");
    else if (text[end] === mark && end > at + 1 && !/\s/.test(text[end - 1]) && !isWord(text[end + 1])) return end;
  }
  return -1;
}

function skip(text, at, until) {
  const end = text.indexOf(until, at + 1);
  return end < 0 ? at : end;
}

function bareLinkAt(text, at) {
  if (isWord(text[at - 1])) return null;
  const match = /^https?:\/\/[^\s<>|]+[^\s<>|.,;:!?)'"*_~]/.exec(text.slice(at));
  return match ? { node: link(decode(match[0]), null), end: at + match[0].length } : null;
}

export function mention(id, label = null) {
  const user = userById(id);
  const name = user ? user.real_name || user.name : decode(label ?? id);
  const mine = id === world.me;
  return h("span", { class: mine ? "mention mention-me" : "mention", title: user?.title ?? null }, `@${name}`);
}

export function channelLink(id, label = null) {
  const channel = channelById(id);
  const name = `#${channel?.name ?? decode(label || id)}`;
  if (!channel) return h("span", { class: "mention" }, name);
  return h("button", { type: "button", class: "mention mention-channel", onclick: () => openChannel(id) }, name);
}

function dateNode([, seconds, template, address], fallback) {
  const shown = Number.isFinite(Number(seconds)) ? fromTemplate(seconds, decode(template ?? "{date} {time}")) : decode(fallback ?? "");
  const title = Number.isFinite(Number(seconds)) ? new Date(Number(seconds) * 1000).toString() : null;
  const time = h("time", { class: "date", title }, shown);
  return address ? link(decode(address), time) : time;
}

/** A link that opens beside the demo; the text alone when its address is not one a browser should follow. */
export function link(address, label) {
  const href = safeHref(address);
  const shown = label ?? address.replace(/^mailto:/, "");
  if (!href || !/^(https?|mailto|tel):/i.test(address)) return h("span", { class: "dead-link" }, shown);
  const open = (event) => { event.preventDefault(); openLink(href); };
  return h("a", { href, target: "_blank", rel: "noopener noreferrer", onclick: open }, shown);
}
