// The person's modal: top of the stack the bot opened, with submit, inline errors and a state while the bot works.

import { h, fill, icon, spinner } from "./dom.js";
import { slack } from "./api.js";
import { drawBlocks } from "./blocks.js";
import { Form } from "./elements.js";
import { textOf } from "./text.js";
import { attempt, on, refresh, world } from "./world.js";

let shown = null;

export function startModal() {
  on("view person", draw);
}

function draw() {
  const view = world.view;
  if (!view) return closeShown();
  if (shown?.id === view.id && shown.hash === view.hash) return;
  if (!shown) shown = { dialog: newDialog(), forms: new Map() };
  Object.assign(shown, { id: view.id, hash: view.hash });
  if (!shown.forms.has(view.id)) shown.forms.set(view.id, new Form());
  drawView(view, shown.forms.get(view.id));
}

function newDialog() {
  const dialog = h("dialog", { class: "dialog modal", "aria-labelledby": "modal-title" });
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); dismiss(); });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function closeShown() {
  shown?.dialog.close();
  shown?.dialog.remove();
  shown = null;
}

function drawView(view, form) {
  const { dialog } = shown;
  const deep = Boolean(view.previous_view_id);
  const focused = dialog.contains(document.activeElement) ? document.activeElement.dataset.actionId : null;
  const body = h("form", { class: "modal-body", id: "modal-form", novalidate: true }, drawBlocks(view.blocks, { address: { view_id: view.id }, form }));
  body.addEventListener("submit", (event) => { event.preventDefault(); submit(view, form); });
  fill(dialog,
    h("header", { class: "modal-head" }, deep && h("button", { type: "button", class: "icon-button", "aria-label": "Back", onclick: dismiss }, icon("back")),
      h("h2", { class: "dialog-title", id: "modal-title" }, textOf(view.title)), h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: dismiss }, icon("close"))),
    body,
    h("footer", { class: "dialog-foot" }, h("p", { class: "modal-problem", role: "alert" }),
      h("button", { type: "button", class: "btn", onclick: dismiss }, textOf(view.close) || (deep ? "Back" : view.submit ? "Cancel" : "Close")),
      view.submit && h("button", { type: "submit", form: "modal-form", class: "btn btn-primary", id: "modal-submit" }, textOf(view.submit))));
  const again = focused && dialog.querySelector(`[data-action-id="${CSS.escape(focused)}"]`);
  (again ?? dialog.querySelector("[autofocus], .modal-body input, .modal-body textarea, .modal-body .select") ?? dialog.querySelector(".btn-primary") ?? dialog).focus();
}

async function dismiss() {
  const view = world.view;
  if (!view) return;
  await attempt(() => slack.close(world.me, view.id));
  await refresh();
}

const values = (form) => Object.fromEntries(Object.entries(form.values).map(([block, actions]) => [block, Object.fromEntries(Object.entries(actions).map(([action, entry]) => [action, entry.value === "" ? null : entry.value]))]));

async function submit(view, form) {
  clearErrors();
  const missing = (view.blocks ?? []).filter((block) => block.type === "input" && !block.optional && isEmpty(form.get(block.block_id, block.element?.action_id)?.value));
  if (missing.length) return showErrors(Object.fromEntries(missing.map((block) => [block.block_id, "Please complete this required field."])));
  const button = shown.dialog.querySelector("#modal-submit");
  const working = spinner();
  button.append(working);
  shown.dialog.classList.add("working");
  const answer = await attempt(() => slack.submit(world.me, view.id, values(form)));
  working.remove();
  shown?.dialog.classList.remove("working");
  if (answer?.ok === false) showErrors(answer.errors ?? {}, answer.error);
  await refresh();
}

const isEmpty = (value) => value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);

function clearErrors() {
  for (const line of shown.dialog.querySelectorAll(".input-error")) line.hidden = true;
  for (const block of shown.dialog.querySelectorAll(".has-error")) block.classList.remove("has-error");
  shown.dialog.querySelector(".modal-problem").textContent = "";
}

function showErrors(errors, general) {
  if (!shown) return;
  let first = null;
  for (const [block, text] of Object.entries(errors)) {
    const place = shown.dialog.querySelector(`[data-input="${CSS.escape(block)}"]`);
    if (!place) continue;
    const line = place.querySelector(".input-error");
    line.textContent = text;
    line.hidden = false;
    place.classList.add("has-error");
    first ??= place.querySelector("input, textarea, button");
  }
  if (general) shown.dialog.querySelector(".modal-problem").textContent = `We had some trouble connecting. The app answered: ${general}`;
  first?.focus();
}
