// Block Kit, drawn from the very JSON the bot sent. Unknown blocks say so instead of vanishing.

import { h, icon, safeImage } from "./dom.js";
import { drawElement, inputElement } from "./elements.js";
import { markdown } from "./markdown.js";
import { richText } from "./richtext.js";
import { textObject, textOf } from "./text.js";
import { dayName } from "./time.js";

/**
 * Draw a list of blocks.
 * @param context where they stand: {address: {channel, ts} or {view_id}, form: Form or null}
 */
export function drawBlocks(blocks, context) {
  return (blocks ?? []).map((block, index) => {
    const draw = BLOCKS[block.type] ?? unknown;
    const element = draw(block, { ...context, block: block.block_id ?? `block-${index}` });
    element.classList.add("block", `block-${block.type}`);
    element.dataset.blockId = block.block_id ?? "";
    return element;
  });
}

const BLOCKS = {
  section,
  header: (block) => h("div", { role: "heading", "aria-level": "3" }, textObject(block.text)),
  divider: () => h("hr"),
  context: (block) => h("div", {}, (block.elements ?? []).map((element) => (element.type === "image" ? picture(element, "context-image") : h("span", { class: "context-text" }, textObject(element))))),
  actions: (block, context) => h("div", { role: "group", "aria-label": "Actions" }, (block.elements ?? []).map((element) => drawElement(element, context))),
  context_actions: (block, context) => h("div", {}, (block.elements ?? []).map((element) => drawElement(element, context))),
  image: imageBlock,
  markdown: (block) => h("div", { class: "rich" }, markdown(block.text ?? "")),
  rich_text: (block) => h("div", { class: "rich" }, richText(block)),
  table: tableBlock,
  data_visualization: chartBlock,
  alert: alertBlock,
  card: cardBlock,
  carousel: carousel,
  input: inputBlock,
  container,
  task_card: taskCard,
  plan: (block, context) => h("div", {}, h("p", { class: "plan-title" }, textOf(block.title)), (block.tasks ?? []).map((task) => taskCard(task, context))),
  auth_provider: authProvider,
  file: (block) => h("div", { class: "placeholder" }, `File ${block.external_id ?? ""}`),
  video: (block) => h("div", { class: "placeholder" }, textOf(block.title) || "Video"),
};

function unknown(block) {
  return h("div", { class: "placeholder" }, `A block of type “${block.type}”, which this demo does not draw.`);
}

function section(block, context) {
  const accessory = block.accessory && (block.accessory.type === "image" ? picture(block.accessory, "accessory-image") : drawElement(block.accessory, context));
  const body = h("div", { class: "section-body" },
    block.text && h("div", { class: "section-text" }, textObject(block.text)),
    block.fields && h("div", { class: "fields" }, block.fields.map((field) => h("div", { class: "field" }, textObject(field)))));
  return h("div", { class: accessory ? "with-accessory" : null }, body, accessory && h("div", { class: "accessory" }, accessory));
}

/** An image that never leaves a hole: its alternative text stands in when it cannot be had. */
export function picture(image, kind) {
  const address = safeImage(image.image_url ?? image.slack_file?.url);
  const alternative = image.alt_text ?? "";
  const missing = () => h("span", { class: `picture-missing ${kind}`, role: "img", "aria-label": alternative }, kind === "image-full" ? alternative : "");
  if (!address) return missing();
  return h("img", { class: kind, src: address, alt: alternative, loading: "lazy", onerror: (event) => event.target.replaceWith(missing()) });
}

function imageBlock(block) {
  return h("figure", {}, block.title && h("figcaption", {}, textObject(block.title)), picture(block, "image-full"));
}

function tableBlock(block) {
  const settings = block.column_settings ?? [];
  const rows = block.rows ?? [];
  const cell = (tag, content, column) => {
    const align = ["center", "right"].includes(settings[column]?.align) ? settings[column].align : "left";
    const inner = content?.type === "rich_text" ? richText(content) : textOf(content?.text ?? "");
    return h(tag, { scope: tag === "th" ? "col" : null, class: `align-${align} ${settings[column]?.is_wrapped ? "wraps" : ""} ${content?.type === "raw_number" ? "number" : ""}` }, inner);
  };
  const row = (cells, tag) => h("tr", {}, cells.map((content, column) => cell(tag, content, column)));
  return h("div", { class: "table-scroll", tabIndex: 0, role: "region", "aria-label": "Table" },
    h("table", { class: "block-table" }, h("thead", {}, rows.slice(0, 1).map((cells) => row(cells, "th"))), h("tbody", {}, rows.slice(1).map((cells) => row(cells, "td")))));
}

/** Bars side by side; a screen reader hears the numbers as a list. Slack draws lines, areas and pies as well. */
function chartBlock(block) {
  const chart = block.chart ?? {};
  if (chart.type !== "bar") return unknown({ type: `${block.type}: ${chart.type}` });
  const series = chart.series ?? [];
  const most = Math.max(1, ...series.flatMap((each) => each.data.map((point) => point.value)));
  const bar = (each, index, label) => {
    const { value } = each.data.find((point) => point.label === label);
    return h("span", { class: `chart-bar series-${index}`, style: { "--share": value / most } }, h("span", { class: "chart-value" }, value));
  };
  return h("figure", { class: "chart" },
    h("figcaption", {}, block.title),
    h("div", { class: "chart-plot", role: "list" }, chart.axis_config.categories.map((label) =>
      h("div", { class: "chart-category", role: "listitem" }, h("div", { class: "chart-bars" }, series.map((each, index) => bar(each, index, label))), h("div", { class: "chart-label" }, label)))),
    h("div", { class: "chart-key" }, series.map((each, index) => h("span", { class: `chart-name series-${index}` }, each.name))));
}

const ALERT_ICONS = { success: "check", error: "warning", warning: "warning", info: "eye" };

function alertBlock(block) {
  const level = ["info", "warning", "error", "success"].includes(block.level) ? block.level : "default";
  return h("div", { class: `alert-${level}`, role: level === "error" || level === "warning" ? "alert" : "note" },
    h("span", { class: "alert-mark" }, icon(ALERT_ICONS[level] ?? "chat", 16)), h("div", { class: "alert-text" }, textObject(block.text)));
}

function cardBlock(block, context) {
  return h("article", {},
    block.hero_image && picture(block.hero_image, "card-hero"),
    h("div", { class: "card-head" },
      block.icon && picture(block.icon, "card-icon"),
      h("div", { class: "card-titles" },
        block.title && h("div", { class: "card-title" }, textObject(block.title)),
        block.subtitle && h("div", { class: "card-subtitle" }, textObject(block.subtitle)))),
    block.body && h("div", { class: "card-body" }, textObject(block.body)),
    block.actions?.length > 0 && h("div", { class: "card-actions" }, block.actions.map((element) => drawElement(element, context))));
}

function carousel(block, context) {
  return h("div", { class: "carousel", tabIndex: 0, role: "group", "aria-label": "Cards" }, drawBlocks(block.elements, context));
}

function container(block, context) {
  const title = block.rich_text_title ? richText(block.rich_text_title) : textObject(block.title);
  const head = [block.icon && picture(block.icon, "card-icon"), h("div", { class: "card-titles" }, h("div", { class: "card-title" }, title), block.subtitle && h("div", { class: "card-subtitle" }, textObject(block.subtitle)))];
  const inner = h("div", { class: "container-body" }, drawBlocks(block.child_blocks, context));
  if (!block.is_collapsible) return h("section", {}, h("div", { class: block.has_header_divider ? "card-head ruled" : "card-head" }, head), inner);
  return h("section", {}, h("details", { open: !block.default_collapsed }, h("summary", { class: "card-head" }, head), inner));
}

function authProvider(block, context) {
  const state = block.is_connected ? ["Connected", block.connected_identity && [" as ", textOf(block.connected_identity)]] : "Not connected";
  return h("div", {}, h("div", { class: "auth-provider" }, block.icon_url && picture({ image_url: block.icon_url, alt_text: "" }, "card-icon"),
    h("div", { class: "card-titles" }, h("div", { class: "card-title" }, textOf(block.name)), h("div", { class: "card-subtitle" }, state)),
    block.accessory && drawElement(block.accessory, context)), block.description && h("div", {}, textOf(block.description)));
}

const TASK_MARKS = { complete: "check", error: "warning", in_progress: "clock", pending: "more" };

function taskCard(block) {
  return h("div", { class: `task-card task-${block.status in TASK_MARKS ? block.status : "pending"}` }, icon(TASK_MARKS[block.status] ?? "more", 16),
    h("div", {}, h("div", { class: "task-title" }, textOf(block.title)), block.details && richText(block.details), block.output && richText(block.output)));
}

function inputBlock(block, context) {
  const field = inputElement(block, context);
  const label = textObject(block.label);
  const id = field.labels;
  return h(id ? "div" : "fieldset", { class: "input", dataset: { input: block.block_id ?? "" } },
    h(id ? "label" : "legend", { class: "input-label", htmlFor: id }, label, block.optional && h("span", { class: "optional" }, " (optional)")),
    field.node,
    block.hint && h("p", { class: "input-hint" }, textObject(block.hint)),
    h("p", { class: "input-error", role: "alert", hidden: true }));
}

export const dayDivider = (date) => h("div", { class: "day", role: "separator" }, h("span", {}, dayName(date)));
