// Times as people read them, by the clock of the demo's world (which an operator may jump ahead).

let ahead = 0;

/** Follow the world's clock: its ISO time, as just received. */
export function followClock(iso) {
  const world = Date.parse(iso);
  if (!Number.isNaN(world)) ahead = world - Date.now();
}

export const now = () => new Date(Date.now() + ahead);

export const dateOf = (ts) => new Date(Number(String(ts)) * 1000);

const format = (options) => new Intl.DateTimeFormat("en-GB", options);
const CLOCK = format({ hour: "2-digit", minute: "2-digit" });
const SECONDS = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = format({ weekday: "long", day: "numeric", month: "long" });
const SHORT = format({ day: "numeric", month: "short" });
const SHORT_YEAR = format({ day: "numeric", month: "short", year: "numeric" });
const LONG = format({ day: "numeric", month: "long", year: "numeric" });
const FULL = format({ weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const WORLD = format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const clockTime = (date) => CLOCK.format(date);
export const secondsTime = (date) => SECONDS.format(date);
export const fullTime = (date) => FULL.format(date);
export const worldTime = (date) => WORLD.format(date);
export const shortDate = (date) => SHORT.format(date);

/** Calendar days between `date` and today: 0 today, 1 yesterday, -1 tomorrow. */
export function daysAgo(date) {
  const midnight = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
  return Math.round((midnight(now()) - midnight(date)) / 86_400_000);
}

export function dayName(date) {
  const days = daysAgo(date);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return days < 0 || days > 300 ? LONG.format(date) : DAY.format(date);
}

/** "just now", "4 min ago", then the time of day. */
export function messageTime(date) {
  const seconds = (now() - date) / 1000;
  if (seconds < 45 && seconds > -60) return "just now";
  if (seconds >= 45 && seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  return CLOCK.format(date);
}

/** "3 hours ago", "in 2 days". */
export function ago(date) {
  const seconds = Math.round((date - now()) / 1000);
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const [unit, size] of [["day", 86_400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return "just now";
}

function pretty(date, otherwise) {
  const days = daysAgo(date);
  return { 0: "today", 1: "yesterday", "-1": "tomorrow" }[days] ?? otherwise.format(date);
}

const TOKENS = {
  date_num: (date) => date.toISOString().slice(0, 10),
  date_slash: (date) => date.toLocaleDateString("en-GB"),
  date_long: (date) => FULL.format(date).replace(/ at .*| \d\d:.*/, ""),
  date_long_full: (date) => LONG.format(date),
  date_long_pretty: (date) => pretty(date, DAY),
  date_short: (date) => SHORT_YEAR.format(date),
  date_short_pretty: (date) => pretty(date, SHORT_YEAR),
  date_pretty: (date) => pretty(date, LONG),
  day_divider_pretty: (date) => dayName(date),
  date: (date) => LONG.format(date),
  time_secs: (date) => SECONDS.format(date),
  time: (date) => CLOCK.format(date),
  ago: (date) => ago(date),
};

/** Slack's date templates: "{date_short_pretty} at {time}". */
export function fromTemplate(seconds, template) {
  const date = new Date(Number(seconds) * 1000);
  return template.replace(/\{(\w+)\}/g, (whole, name) => TOKENS[name]?.(date) ?? whole);
}
