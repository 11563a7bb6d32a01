// The interactive elements of Block Kit: what they look like, and what they send when used.

import { h, append, icon, spinner } from "./dom.js";
import { slack } from "./api.js";
import { confirmDialog } from "./confirm.js";
import { picture } from "./blocks.js";
import { openMenu } from "./popover.js";
import { initialChoice, selectMenu } from "./select.js";
import { textObject, textOf } from "./text.js";
import { attempt, openLink, refresh, world } from "./world.js";

/** What the inputs of a modal hold. Values survive a redraw of the same view. */
export class Form {
  constructor() {
    this.values = {};
  }

  get(block, action, otherwise) {
    const value = this.values[block]?.[action];
    return value === undefined ? otherwise : value;
  }

  set(block, action, value) {
    (this.values[block] ??= {})[action] = value;
  }
}

/** Send an action to the bot, with the element busy while it works and a note beside it when it fails. */
async function send(element, context, payload, node) {
  if (element.confirm && !(await confirmDialog(element.confirm))) return false;
  const stop = busy(node);
  const body = { user: world.me, ...context.address, block_id: context.block, action_id: element.action_id, ...payload };
  const answer = await attempt(() => slack.click(body));
  stop();
  if (answer && answer.ok === false) complain(node, answer.error);
  await refresh();
  return answer?.ok !== false;
}

function busy(node) {
  if (!node) return () => {};
  const mark = spinner();
  node.setAttribute("aria-busy", "true");
  if (node.matches("button")) node.append(mark);
  return () => { node.removeAttribute("aria-busy"); mark.remove(); };
}

function complain(node, error) {
  const line = h("p", { class: "click-error", role: "alert" }, icon("warning", 14), ` The app did not do it: ${error ?? "no answer"}`);
  const place = node?.closest(".block") ?? document.body;
  place.parentElement.querySelectorAll(":scope > .click-error").forEach((old) => old.remove());
  place.after(line);
  setTimeout(() => line.remove(), 9000);
}

/* ---- elements in messages, sections and actions ---------------------------------------------------------------- */

export function drawElement(element, context) {
  const draw = ELEMENTS[element.type] ?? (/select$/.test(element.type) ? select : null);
  if (!draw) return h("span", { class: "placeholder" }, `“${element.type}”`);
  return draw(element, context);
}

const ELEMENTS = {
  button,
  workflow_button: (element, context) => button({ ...element, url: null }, context),
  icon_button: (element, context) => button({ ...element, text: element.text }, context),
  feedback_buttons: (element, context) => h("span", { class: "feedback" }, [element.positive_button, element.negative_button].map((one) => button({ ...one, action_id: element.action_id }, context))),
  overflow,
  image: (element) => picture(element, "accessory-image"),
  checkboxes: (element, context) => choices(element, "checkbox", element.initial_options ?? [], (values, node) => changed(element, context, values, node)).node,
  radio_buttons: (element, context) => choices(element, "radio", element.initial_option ? [element.initial_option] : [], (values, node) => changed(element, context, values[0], node)).node,
  datepicker: (element, context) => picker(element, context, "date", element.initial_date),
  timepicker: (element, context) => picker(element, context, "time", element.initial_time),
  datetimepicker: (element, context) => picker(element, context, "datetime-local", localDateTime(element.initial_date_time)),
};

function button(element, context) {
  const style = { primary: "btn-primary", danger: "btn-danger" }[element.style] ?? "";
  const press = async (event) => {
    const node = event.currentTarget;
    if (node.getAttribute("aria-busy")) return;
    if (element.url) openLink(element.url);
    await send(element, context, { value: element.value }, node);
  };
  return h("button", { type: "button", class: `btn ${style}`, "aria-label": element.accessibility_label, dataset: { actionId: element.action_id ?? "", value: element.value ?? "", url: element.url ?? "" }, onclick: press },
    h("span", {}, textObject(element.text)), element.url && icon("external", 13));
}

function overflow(element, context) {
  const node = h("button", { type: "button", class: "btn btn-icon", "aria-label": "More actions", "aria-haspopup": "menu", "aria-expanded": "false", dataset: { actionId: element.action_id ?? "" } }, icon("more"));
  node.addEventListener("click", () => openMenu(node, (element.options ?? []).map((option) => ({
    content: [h("span", {}, textObject(option.text)), option.description && h("span", { class: "option-description" }, textObject(option.description))],
    run: () => { if (option.url) openLink(option.url); send(element, context, { selected: option.value }, node); },
  })), { label: "More actions" }));
  return node;
}

function select(element, context) {
  const kept = context.form?.get(context.block, element.action_id)?.choice;
  const multi = element.type.startsWith("multi_");
  const node = selectMenu(element, { ...context.address, block_id: context.block }, kept ?? initialChoice(element), (options) => {
    const values = options.map((option) => option.value);
    changed(element, context, multi ? values : values[0], node, options);
  });
  return node;
}

function picker(element, context, type, initial) {
  const node = h("input", { type, class: "picker", value: initial ?? "", "aria-label": textOf(element.placeholder) || "Choose", dataset: { actionId: element.action_id ?? "" } });
  node.addEventListener("change", () => changed(element, context, pickedValue(type, node.value), node));
  return node;
}

const pickedValue = (type, value) => (type === "datetime-local" ? Math.floor(new Date(value).getTime() / 1000) : value);
const localDateTime = (seconds) => (seconds ? new Date(seconds * 1000 - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : "");

function changed(element, context, selected, node, choice) {
  context.form?.set(context.block, element.action_id, { value: selected, choice });
  if (!context.silent) send(element, context, { selected }, node);
}

let groups = 0;

function choices(element, type, chosen, onchange) {
  const name = `choice-${(groups += 1)}`;
  const node = h("div", { class: "choices", role: type === "radio" ? "radiogroup" : "group", dataset: { actionId: element.action_id ?? "" } });
  append(node, (element.options ?? []).map((option) => h("label", { class: "choice" },
    h("input", { type, name, value: option.value, checked: chosen.some((entry) => (entry.value ?? entry) === option.value) }),
    h("span", {}, textObject(option.text), option.description && h("span", { class: "option-description" }, textObject(option.description))))));
  const values = () => [...node.querySelectorAll("input:checked")].map((input) => input.value);
  node.addEventListener("change", () => onchange(values(), node));
  return { node, values };
}

/* ---- inputs in modals ------------------------------------------------------------------------------------------ */

const TEXT_TYPES = { plain_text_input: "text", email_text_input: "email", url_text_input: "url", number_input: "number" };
let fields = 0;

/** The field of an input block. `labels` is the id a <label> may point to, null for a group of choices. */
export function inputElement(block, context) {
  const element = block.element ?? {};
  const quiet = { ...context, silent: !block.dispatch_action };
  if (element.type in TEXT_TYPES) return textInput(element, quiet, block.dispatch_action);
  if (element.type === "file_input") return fileInput(element, quiet);
  if (element.type === "checkboxes" || element.type === "radio_buttons") return { node: choiceInput(element, quiet), labels: null };
  const kept = quiet.form?.get(quiet.block, element.action_id)?.value;
  const node = drawElement(kept === undefined ? element : withInitial(element, kept), quiet);
  remember(element, quiet);
  node.id = `field-${(fields += 1)}`;
  return { node, labels: node.id };
}

/** What is preselected counts as entered, though nobody touched it. */
function remember(element, context) {
  if (!context.form || context.form.get(context.block, element.action_id) !== undefined) return;
  const initial = element.initial_date ?? element.initial_time ?? element.initial_date_time;
  if (initial !== undefined) return context.form.set(context.block, element.action_id, { value: initial });
  if (!/select$/.test(element.type)) return;
  const choice = initialChoice(element);
  if (!choice.length) return;
  const values = choice.map((option) => option.value);
  context.form.set(context.block, element.action_id, { value: element.type.startsWith("multi_") ? values : values[0], choice });
}

const withInitial = (element, value) => ({ ...element, ...{ datepicker: { initial_date: value }, timepicker: { initial_time: value }, datetimepicker: { initial_date_time: value } }[element.type] });

function choiceInput(element, context) {
  const radio = element.type === "radio_buttons";
  const kept = context.form?.get(context.block, element.action_id)?.value;
  const initial = radio ? [element.initial_option?.value].filter(Boolean) : (element.initial_options ?? []).map((option) => option.value);
  const start = kept === undefined ? initial : [kept].flat();
  const store = (values) => context.form?.set(context.block, element.action_id, { value: radio ? values[0] : values });
  if (start.length) store(start);
  return choices(element, radio ? "radio" : "checkbox", start, (values, node) => {
    store(values);
    if (!context.silent) changed(element, context, radio ? values[0] : values, node);
  }).node;
}

function textInput(element, context, dispatches) {
  const id = `field-${(fields += 1)}`;
  const kept = context.form?.get(context.block, element.action_id)?.value ?? element.initial_value ?? "";
  const node = h(element.multiline ? "textarea" : "input", {
    id, class: "text-input", type: element.multiline ? null : TEXT_TYPES[element.type], placeholder: textOf(element.placeholder), value: kept,
    minlength: element.min_length, maxlength: element.max_length, min: element.min_value, max: element.max_value, rows: element.multiline ? 4 : null, autofocus: element.focus_on_load,
    step: element.is_decimal_allowed ? "any" : null, dataset: { actionId: element.action_id ?? "" },
  });
  const store = () => context.form?.set(context.block, element.action_id, { value: node.value });
  if (kept) store();
  node.addEventListener("input", store);
  if (dispatches) node.addEventListener("keydown", (event) => { if (event.key === "Enter" && !element.multiline) { event.preventDefault(); changed(element, context, node.value, node); } });
  return { node, labels: id };
}

/** A file is taken by Slack as soon as it is chosen; the form carries its id. */
function fileInput(element, context) {
  const id = `field-${(fields += 1)}`;
  const kept = context.form?.get(context.block, element.action_id);
  const state = h("span", { class: "file-state", role: "status" }, kept ? "Ready" : "");
  const accept = (element.filetypes ?? []).map((kind) => `.${kind}`).join(",");
  const node = h("input", { id, type: "file", class: "file-input", accept, multiple: (element.max_files ?? 10) > 1, dataset: { actionId: element.action_id ?? "" } });
  node.addEventListener("change", async () => {
    state.textContent = "Uploading…";
    const ids = await attempt(() => Promise.all([...node.files].map((file) => slack.upload(world.me, file))));
    if (!ids) node.value = "";
    context.form?.set(context.block, element.action_id, { value: ids ?? [] });
    state.textContent = ids?.length ? "Ready" : "";
  });
  return { node: h("div", { class: "file-field" }, node, state), labels: id };
}
