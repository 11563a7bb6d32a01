// The markdown block, ending as DOM nodes.

import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { channelLink, emojiNode, isWord, link, mention } from "./text.js";

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
