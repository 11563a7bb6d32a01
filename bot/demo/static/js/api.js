// The only place that talks to the server.

const SANDBOX = "/slack/_sandbox";

export class Unreachable extends Error {}

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Unreachable("The demo does not answer. Is it still running?");
  }
  const body = await answer.json().catch(() => null);
  if (body === null || (!answer.ok && body.ok !== false)) throw new Unreachable(`The demo answered ${answer.status}.`);
  return body;
}

async function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const body = await request(given.length ? `${path}?${new URLSearchParams(given)}` : path, { headers: { Accept: "application/json" } });
  if (body.ok === false) throw new Unreachable(`The demo answered: ${body.error}.`);
  return body;
}

const post = (path, body) => request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const slack = {
  state: (user) => get(`${SANDBOX}/state`, { user }),
  messages: (user, channel) => get(`${SANDBOX}/messages`, { user, channel }),
  view: (user) => get(`${SANDBOX}/view`, { user }),
  home: (user, quiet) => get(`${SANDBOX}/home`, { user, open: quiet ? 0 : null }),
  command: (user, channel, text) => post(`${SANDBOX}/command`, { user, channel, text }),
  say: (user, channel, text, thread_ts) => post(`${SANDBOX}/say`, { user, channel, text, thread_ts }),
  click: (body) => post(`${SANDBOX}/click`, body),
  submit: (user, view_id, values) => post(`${SANDBOX}/submit`, { user, view_id, values }),
  close: (user, view_id) => post(`${SANDBOX}/close`, { user, view_id }),
  options: (body) => post(`${SANDBOX}/options`, body),
  upload: async (user, file) => (await post(`${SANDBOX}/upload`, { user, name: file.name, content: await base64(file) })).id,
  fileAddress: (user, id) => `${SANDBOX}/file?${new URLSearchParams({ user, id })}`,
};

async function base64(file) {
  let text = "";
  for (const byte of new Uint8Array(await file.arrayBuffer())) text += String.fromCharCode(byte);
  return btoa(text);
}

export const demo = {
  cast: () => get("/demo/cast"),
  commands: () => get("/demo/commands"),
  truth: () => get("/demo/truth"),
  audit: (after) => get("/demo/audit", { after }),
  do: (verb, args = {}) => post("/demo/do", { verb, ...args }),
};

/** Call `onChange` whenever something this person can see has changed. Returns a function that stops it. */
export function follow(user, onChange, onLink) {
  const stream = new EventSource(`${SANDBOX}/stream?user=${encodeURIComponent(user)}`);
  stream.onopen = () => onLink(true);
  stream.onmessage = () => onChange();
  stream.onerror = () => onLink(false);
  return () => stream.close();
}
