// Rich text blocks, ending as DOM nodes.

import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { fromTemplate } from "./time.js";
import { channelLink, emojiNode, link, mention } from "./text.js";

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
