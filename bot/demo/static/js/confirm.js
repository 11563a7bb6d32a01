// "Are you sure?", as the bot worded it.

import { h } from "./dom.js";
import { textObject, textOf } from "./text.js";

/** Ask with Block Kit's confirm object; true when the person agrees. */
export function confirmDialog(confirm) {
  return new Promise((resolve) => {
    const title = h("h2", { class: "dialog-title", id: "confirm-title" }, textOf(confirm.title) || "Are you sure?");
    const deny = h("button", { type: "button", class: "btn", onclick: () => dialog.close("no") }, textOf(confirm.deny) || "Cancel");
    const agree = h("button", { type: "button", class: `btn ${confirm.style === "danger" ? "btn-danger-solid" : "btn-primary"}`, onclick: () => dialog.close("yes") }, textOf(confirm.confirm) || "Yes");
    const dialog = h("dialog", { class: "dialog confirm", "aria-labelledby": "confirm-title" }, title, h("div", { class: "dialog-text" }, textObject(confirm.text)), h("div", { class: "dialog-foot" }, deny, agree));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    document.body.append(dialog);
    dialog.showModal();
    agree.focus();
  });
}
