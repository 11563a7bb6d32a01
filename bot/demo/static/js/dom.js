// Every node of the page is made here. Text becomes text nodes, so nothing that was typed or sent can become markup.

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "tabIndex", "selected", "inert", "open", "htmlFor", "required"]);

/** Make an element. Properties starting with "on" are listeners; null, undefined and false children are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) set(element, name, value);
  append(element, children);
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "dataset") Object.assign(element.dataset, value);
  else if (name === "style") for (const [key, entry] of Object.entries(value)) element.style.setProperty(key, entry);
  else if (PROPERTIES.has(name)) element[name] = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

export function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
  return parent;
}

export function fill(parent, ...children) {
  parent.replaceChildren();
  return append(parent, children);
}

export const byId = (id) => document.getElementById(id);

/** An href only when it can do nothing but navigate; null for javascript:, data: and anything else. */
export function safeHref(address) {
  try {
    const url = new URL(String(address), location.href);
    return ["http:", "https:", "mailto:", "tel:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** An image address the page may show: this machine, https, or embedded pixels. */
export function safeImage(address) {
  const text = String(address ?? "");
  if (/^data:image\/(png|jpeg|gif|webp);base64,/.test(text)) return text;
  const href = safeHref(text);
  return href && /^https?:/.test(href) ? href : null;
}

const ICONS = {
  hash: "M7 3 5.5 17M14.5 3 13 17M3.5 7.5h14M2.5 12.5h14",
  lock: "M5 9h10v8H5zM7 9V6a3 3 0 0 1 6 0v3",
  chat: "M3 4h14v9H9l-4 3.5V13H3z",
  home: "M3 9.5 10 3l7 6.5M5 8v9h10V8",
  close: "M5 5l10 10M15 5 5 15",
  down: "M5.5 8l4.5 4.5L14.5 8",
  back: "M12.5 4.5 7 10l5.5 5.5",
  more: "M4 10h.01M10 10h.01M16 10h.01",
  send: "M3 10l14-7-5 14-3-6z",
  moon: "M16.5 12A7 7 0 0 1 8 3.5a7 7 0 1 0 8.5 8.5Z",
  sun: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1",
  panel: "M3 4h14v12H3zM12 4v12",
  phone: "M6.5 2.5h7v15h-7zM9 15.5h2",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 6v4l2.5 2",
  sweep: "M16 10a6 6 0 1 1-2-4.5M16 3v3.5h-3.5",
  heal: "M10 4v12M4 10h12",
  eye: "M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5ZM10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4Z",
  thread: "M4 4h12v8H9l-3 3v-3H4zM7 7h6M7 9.5h4",
  warning: "M10 3 2.5 16.5h15zM10 8v4M10 14.3h.01",
  check: "M4 10.5 8 14.5 16 5.5",
  link: "M8 12l4-4M9 6.5l1.5-1.5a3.2 3.2 0 0 1 4.5 4.5L13.5 11M11 13.5 9.5 15A3.2 3.2 0 0 1 5 10.5L6.5 9",
  external: "M8 4H4v12h12v-4M11 4h5v5M16 4l-7 7",
  file: "M5 2.5h7l3.5 3.5v11.5H5zM12 2.5V6h3.5",
  people: "M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2.5 16.5c.5-3.5 2.5-5 5-5s4.5 1.5 5 5M13 4a2.7 2.7 0 0 1 0 5.2M14.5 11.8c1.8.6 2.8 2.1 3 4.7",
};

const SVG = "http://www.w3.org/2000/svg";

export function icon(name, size = 18) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  const attributes = { viewBox: "0 0 20 20", width: size, height: size, class: "icon", "aria-hidden": "true" };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  path.setAttribute("d", ICONS[name] ?? "");
  svg.append(path);
  return svg;
}

export function spinner() {
  return h("span", { class: "spinner", "aria-hidden": "true" });
}
