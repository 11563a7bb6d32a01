// Every kind of select menu: a button that shows the choice, and a list with a filter that opens from it.

import { h, fill, icon, spinner } from "./dom.js";
import { closePopover, openPopover } from "./popover.js";
import { textObject, textOf } from "./text.js";
import { attempt, everyone, nameOf, world } from "./world.js";
import { slack } from "./api.js";

const asOption = (value, text, description = null) => ({ value, text: { type: "plain_text", text }, description });
const peopleOptions = () => everyone().map((user) => asOption(user.id, nameOf(user), user.title ? { type: "plain_text", text: user.title } : null));
const channelOptions = () => world.channels.filter((channel) => !channel.is_im && !channel.is_archived).map((channel) => asOption(channel.id, `#${channel.name}`));

const SOURCES = {
  users_select: peopleOptions,
  channels_select: channelOptions,
  conversations_select: () => [...channelOptions(), ...peopleOptions()],
};

const kindOf = (element) => element.type.replace(/^multi_/, "");
const isMulti = (element) => element.type.startsWith("multi_");

/** All options the element itself knows, flat; an external select knows none before it is asked. */
function ownGroups(element) {
  const source = SOURCES[kindOf(element)];
  if (source) return [{ label: null, options: source() }];
  if (element.option_groups) return element.option_groups.map((group) => ({ label: group.label, options: group.options ?? [] }));
  return [{ label: null, options: element.options ?? [] }];
}

export function initialChoice(element) {
  const all = ownGroups(element).flatMap((group) => group.options);
  const byValue = (value) => all.find((option) => option.value === value) ?? asOption(value, String(value));
  const single = element.initial_option ?? (element.initial_user || element.initial_channel || element.initial_conversation);
  const many = element.initial_options ?? element.initial_users ?? element.initial_channels ?? element.initial_conversations;
  const chosen = isMulti(element) ? (many ?? []) : single ? [single] : [];
  return chosen.map((entry) => (typeof entry === "string" ? byValue(entry) : entry));
}

/**
 * @param element Block Kit's JSON of the select
 * @param where   {message|view} for the type-ahead of an external select, plus block_id
 * @param chosen  array of options, the current choice
 * @param onchange called with the new array of options
 */
export function selectMenu(element, where, chosen, onchange) {
  const multi = isMulti(element);
  let choice = chosen;
  const shown = h("span", { class: "select-shown" });
  const button = h("button", { type: "button", class: "select", "aria-haspopup": "listbox", "aria-expanded": "false", dataset: { actionId: element.action_id ?? "" }, onclick: open }, shown, icon("down", 16));
  const draw = () => {
    const placeholder = textOf(element.placeholder) || (multi ? "Choose" : "Choose an option");
    button.classList.toggle("empty", choice.length === 0);
    if (multi && choice.length) fill(shown, choice.map((option) => h("span", { class: "chip" }, textOf(option.text))));
    else fill(shown, choice.length ? textOf(choice[0].text) : placeholder);
  };
  function choose(option) {
    const has = choice.some((entry) => entry.value === option.value);
    if (!multi) choice = [option];
    else if (has) choice = choice.filter((entry) => entry.value !== option.value);
    else if (choice.length < (element.max_selected_items ?? Infinity)) choice = [...choice, option];
    draw();
    if (!multi) { closePopover(); button.focus(); }
    onchange(choice);
  }
  function open() {
    button.setAttribute("aria-expanded", "true");
    openList(button, element, where, () => choice, choose);
  }
  draw();
  return button;
}

let lists = 0;

function openList(button, element, where, choice, choose) {
  const external = kindOf(element) === "external_select";
  const id = `list-${(lists += 1)}`;
  const list = h("div", { class: "listbox", role: "listbox", id, "aria-multiselectable": isMulti(element) });
  const filter = h("input", { class: "select-filter", type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": id, "aria-label": "Filter", placeholder: external ? "Type to search" : "Filter" });
  const few = !external && ownGroups(element).flatMap((group) => group.options).length < 7;
  filter.classList.toggle("visually-hidden", few);
  let active = 0;
  let options = [];
  const content = h("div", { class: "select-list" }, filter, list);
  let asked = 0;
  let timer = 0;
  const forget = () => { clearTimeout(timer); asked += 1; };
  openPopover(button, content, { onclose: () => { forget(); button.setAttribute("aria-expanded", "false"); } });

  const mark = () => {
    [...list.querySelectorAll("[role=option]")].forEach((row, index) => {
      row.classList.toggle("active", index === active);
      if (index !== active) return;
      filter.setAttribute("aria-activedescendant", row.id);
      row.scrollIntoView({ block: "nearest" });
    });
  };
  const pick = (option) => { choose(option); if (isMulti(element)) drawSelected(); };
  const drawSelected = () => [...list.querySelectorAll("[role=option]")].forEach((row, index) => row.setAttribute("aria-selected", String(choice().some((entry) => entry.value === options[index].value))));
  const draw = (groups) => {
    options = groups.flatMap((group) => group.options);
    active = Math.max(0, options.findIndex((option) => choice().some((entry) => entry.value === option.value)));
    let index = -1;
    fill(list, groups.map((group) => group.options.length > 0 && [
      group.label && h("div", { class: "group-label" }, textObject(group.label)),
      group.options.map((option) => {
        index += 1;
        const at = index;
        return h("div", { role: "option", id: `${id}-${at}`, class: "option", "aria-selected": choice().some((entry) => entry.value === option.value), dataset: { value: option.value }, onmousemove: () => { active = at; mark(); }, onclick: () => pick(option) },
          h("span", {}, textObject(option.text)), option.description && h("span", { class: "option-description" }, textObject(option.description)), icon("check", 14));
      })]));
    if (!options.length) fill(list, h("div", { class: "list-note" }, "No matches"));
    mark();
  };
  const note = (...content) => { options = []; fill(list, h("div", { class: "list-note" }, content)); };

  const filtered = () => {
    const wanted = filter.value.trim().toLowerCase();
    draw(ownGroups(element).map((group) => ({ ...group, options: group.options.filter((option) => textOf(option.text).toLowerCase().includes(wanted)) })));
  };
  const search = async () => {
    const value = filter.value.trim();
    const least = element.min_query_length ?? 3;
    if (value.length < least) return note(least > 1 ? `Type at least ${least} characters` : "Type to search");
    const mine = (asked += 1);
    note(spinner(), "Searching…");
    const answer = await attempt(() => slack.options({ user: world.me, ...where, action_id: element.action_id, value }));
    if (mine !== asked) return;
    if (!answer || answer.ok === false) return note("The app did not answer in time. Try again.");
    const found = answer.options ?? [];
    draw(found.some((entry) => entry.options) ? found : [{ label: null, options: found }]);
  };
  filter.addEventListener("input", () => {
    forget();
    if (external) timer = setTimeout(search, 180);
    else filtered();
  });
  filter.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) { event.preventDefault(); active = (active + step + options.length) % options.length; mark(); }
    if (event.key === "Enter") { event.preventDefault(); if (options[active]) pick(options[active]); }
    if (event.key === "Tab" || event.key === "Escape") { event.preventDefault(); event.stopPropagation(); closePopover(); button.focus(); }
  });
  if (external) search();
  else filtered();
  filter.focus();
}
