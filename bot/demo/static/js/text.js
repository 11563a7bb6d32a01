// Slack's three ways of writing: mrkdwn, markdown and rich text. All of them end as DOM nodes, never as HTML.

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

/* ---- mrkdwn ---------------------------------------------------------------------------------------------------- */

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
const isWord = (character) => character !== undefined && /[\p{L}\p{N}]/u.test(character);

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

const emojiNode = (character, name) => h("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:` }, character);

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

function channelLink(id, label = null) {
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

/* ---- markdown block -------------------------------------------------------------------------------------------- */

export function markdown(text) {
  const lines = String(text).replace(/\r\n?/g, "\n").split("\n");
  const nodes = [];
  for (let at = 0; at < lines.length;) {
    const [node, next] = markdownBlock(lines, at);
    if (node) nodes.push(node);
    at = next;
  }
  return nodes;
}

const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
const startsBlock = (line) => /^(#{1,6}\s|```|>|\s*[-*+]\s|\s*\d+[.)]\s)/.test(line) || line.trim() === "";

function markdownBlock(lines, at) {
  const line = lines[at];
  if (line.trim() === "") return [null, at + 1];
  const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (heading) return [h("p", { class: "md-heading", role: "heading", "aria-level": String(heading[1].length + 2) }, spans(heading[2])), at + 1];
  if (/^\s*(?:-{3,}|\*{3,}|_{3,})\s*$/.test(line)) return [h("hr"), at + 1];
  if (line.startsWith("```")) return fenced(lines, at);
  if (line.startsWith(">")) return taken(lines, at, (next) => next.startsWith(">"), (part) => h("blockquote", {}, markdown(part.map((entry) => entry.replace(/^> ?/, "")).join("\n"))));
  if (ITEM.test(line)) return taken(lines, at, (next) => ITEM.test(next) || /^\s{2,}\S/.test(next), markdownList);
  if (line.includes("|") && /^\s*\|?[\s:|-]+\|[\s:|-]*$/.test(lines[at + 1] ?? "")) return taken(lines, at, (next) => next.includes("|"), markdownTable);
  return taken(lines, at, (next, index) => index === at || !startsBlock(next), (part) => h("p", {}, part.flatMap((entry, index) => (index ? [h("br"), ...spans(entry)] : spans(entry)))));
}

function taken(lines, at, belongs, build) {
  let end = at;
  while (end < lines.length && belongs(lines[end], end)) end += 1;
  return [build(lines.slice(at, end)), end];
}

function fenced(lines, at) {
  let end = at + 1;
  while (end < lines.length && !lines[end].startsWith("```")) end += 1;
  return [h("pre", { class: "code-block" }, lines.slice(at + 1, end).join("\n")), end + 1];
}

function markdownList(lines) {
  const first = ITEM.exec(lines[0]);
  const list = h(/\d/.test(first[2]) ? "ol" : "ul");
  if (/\d/.test(first[2])) list.setAttribute("start", String(parseInt(first[2], 10)));
  let nested = [];
  const close = () => {
    if (nested.length && list.lastElementChild) list.lastElementChild.append(...markdown(nested.join("\n")));
    nested = [];
  };
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item && item[1].length <= first[1].length) {
      close();
      list.append(listItem(item[3]));
    } else nested.push(line.replace(/^\s{1,4}/, ""));
  }
  close();
  return list;
}

function listItem(text) {
  const task = /^\[([ xX])\]\s+(.*)$/.exec(text);
  if (!task) return h("li", {}, spans(text));
  return h("li", { class: "task" }, h("span", { class: "task-box" }, task[1] === " " ? "☐" : "☑"), " ", spans(task[2]));
}

function markdownTable(lines) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const [head, , ...rows] = lines;
  return h("div", { class: "table-scroll", tabIndex: 0 }, h("table", { class: "block-table" },
    h("thead", {}, h("tr", {}, cells(head).map((cell) => h("th", { scope: "col" }, spans(cell))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, cells(row).map((cell) => h("td", {}, spans(cell))))))));
}

const SPANS = [
  [/^\\([\\`*_{}[\]()#+.!~|>-])/, (match) => match[1]],
  [/^`+([^`]+)`+/, (match) => h("code", {}, match[1])],
  [/^!?\[([^\]]*)\]\(([^()\s]+)(?:\s+"[^"]*")?\)/, (match) => link(match[2], h("span", {}, spans(match[1])))],
  [/^<(https?:[^>\s]+)>/, (match) => link(match[1], null)],
  [/^<@([UW][A-Z0-9]+)(?:\|([^>]*))?>/, (match) => mention(match[1], match[2] ?? null)],
  [/^<#(C[A-Z0-9]+)(?:\|([^>]*))?>/, (match) => channelLink(match[1], match[2] ?? null)],
  [/^\*\*(?=\S)(.+?\S?)\*\*/, (match) => h("strong", {}, spans(match[1]))],
  [/^__(?=\S)(.+?\S?)__/, (match) => h("strong", {}, spans(match[1]))],
  [/^\*(?=\S)([^*]*[^*\s])\*/, (match) => h("em", {}, spans(match[1]))],
  [/^_(?=\S)([^_]*[^_\s])_(?![\p{L}\p{N}])/u, (match) => h("em", {}, spans(match[1]))],
  [/^~~(?=\S)(.+?)~~/, (match) => h("s", {}, spans(match[1]))],
  [/^:([a-z0-9_+'-]+):/, (match) => (emoji(match[1]) ? emojiNode(emoji(match[1]), match[1]) : null)],
  [/^https?:\/\/[^\s<>|]+[^\s<>|.,;:!?)'"*_~]/, (match) => link(match[0], null)],
];

function spans(text) {
  const nodes = [];
  let rest = text;
  let plainText = "";
  const flush = () => { if (plainText) nodes.push(plainText); plainText = ""; };
  while (rest) {
    const inWord = isWord(plainText.at(-1)) && /^[_h]/.test(rest);
    const found = inWord ? null : firstSpan(rest);
    if (found) { flush(); nodes.push(found.node); }
    else plainText += rest[0];
    rest = rest.slice(found ? found.length : 1);
  }
  flush();
  return nodes;
}

function firstSpan(rest) {
  for (const [pattern, build] of SPANS) {
    const match = pattern.exec(rest);
    const node = match && build(match);
    if (node) return { node, length: match[0].length };
  }
  return null;
}

/* ---- rich text ------------------------------------------------------------------------------------------------- */

export function richText(block) {
  return (block.elements ?? []).map(richElement);
}

const RICH = {
  rich_text_section: (element) => h("div", { class: "rich-section" }, parts(element)),
  rich_text_preformatted: (element) => h("pre", { class: "code-block" }, parts(element)),
  rich_text_quote: (element) => h("blockquote", {}, parts(element)),
  rich_text_list: richList,
};

const richElement = (element) => RICH[element.type]?.(element) ?? h("div", {}, parts(element));
const parts = (element) => (element.elements ?? []).flatMap(richPart);

function richList(element) {
  const list = h(element.style === "ordered" ? "ol" : "ul", { class: element.border ? "rich-list bordered" : "rich-list" }, (element.elements ?? []).map((item) => h("li", {}, parts(item))));
  list.style.setProperty("--indent", String(Math.min(Number(element.indent) || 0, 8)));
  if (element.offset) list.setAttribute("start", String(Number(element.offset) + 1));
  return list;
}

const PARTS = {
  text: (part) => part.text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line])),
  link: (part) => [link(part.url, part.text || null)],
  user: (part) => [mention(part.user_id)],
  channel: (part) => [channelLink(part.channel_id)],
  usergroup: (part) => [h("span", { class: "mention" }, `@${part.usergroup_id}`)],
  broadcast: (part) => [h("span", { class: "mention mention-all" }, `@${part.range}`)],
  emoji: (part) => [emojiPart(part)],
  date: (part) => [h("time", { class: "date" }, fromTemplate(part.timestamp, part.format ?? "{date} {time}"))],
  color: (part) => [h("span", { class: "color-chip", style: { "--chip": part.value } }), h("code", {}, part.value)],
};

function emojiPart(part) {
  const known = emoji(part.name ?? "");
  const points = String(part.unicode ?? "").split("-").map((code) => parseInt(code, 16));
  const character = known ?? (points.every((point) => point > 0 && point < 0x110000) ? String.fromCodePoint(...points) : null);
  return character ? emojiNode(character, part.name ?? "") : `:${part.name}:`;
}

const WRAPS = { code: "code", bold: "strong", italic: "em", strike: "s", underline: "u" };

function richPart(part) {
  const nodes = PARTS[part.type]?.(part) ?? [part.text ?? ""];
  return Object.entries(WRAPS).reduce((inner, [style, tag]) => (part.style?.[style] ? [h(tag, {}, inner)] : inner), nodes);
}
