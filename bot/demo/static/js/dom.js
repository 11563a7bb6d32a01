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
  hash: "M7 3 5.500 17M14.500 3 13 17M3.500 7.500h14M2.500 12.500h14",
  lock: "M5 9h10v8H5zM7 9V6a3 3 0 0 1 6 0v3",
  chat: "M3 4h14v9H9l-4 3.500V13H3z",
  home: "M3 9.500 10 3l7 6.500M5 8v9h10V8",
  close: "M5 5l10 10M15 5 5 15",
  down: "M5.500 8l4.500 4.500L14.500 8",
  back: "M12.500 4.500 7 10l5.500 5.500",
  more: "M4 10h.01M10 10h.01M16 10h.01",
  send: "M3 10l14-7-5 14-3-6z",
  moon: "M16.500 12A7 7 0 0 1 8 3.500a7 7 0 1 0 8.500 8.500Z",
  sun: "M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7ZM10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100",
  panel: "M3 4h14v12H3zM12 4v12",
  phone: "M6.500 2.500h7v15h-7zM9 15.500h2",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 6v4l2.500 2",
  sweep: "M16 10a6 6 0 1 1-2-4.500M16 3v3.500h-3.500",
  heal: "M10 4v12M4 10h12",
  eye: "M2.500 10S5 5 10 5s7.500 5 7.500 5-2.500 5-7.500 5-7.500-5-7.500-5ZM10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4Z",
  thread: "M4 4h12v8H9l-3 3v-3H4zM7 7h6M7 9.500h4",
  warning: "M10 3 2.500 16.500h15zM10 8v4M10 14.300h.01",
  check: "M4 10.500 8 14.500 16 5.500",
  link: "M8 12l4-4M9 6.500l1.500-1.500a3.200 3.200 0 0 1 4.500 4.500L13.500 11M11 13.500 9.500 15A3.200 3.200 0 0 1 5 10.500L6.500 9",
  external: "M8 4H4v12h12v-4M11 4h5v5M16 4l-7 7",
  people: "M7.500 9.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2.500 16.500c.5-3.500 2.500-5 5-5s4.500 1.500 5 5M13 4a2.700 2.700 0 0 1 0 5.200M14.500 11.800c1.800.6 2.800 2.100 3 4.700",
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
