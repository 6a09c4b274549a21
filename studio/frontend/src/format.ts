/** Numbers, times and names as a person reads them. Pure. */

/** `84 ms`, `1.2 s`, `75 s`, `4 min 12 s`, `2 h 05 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return "";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${trim(seconds, 1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(Math.floor(seconds % 60))} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${pad(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function trim(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.?0+$/, "");
}
function pad(value: number, length = 2): string {
  return String(value).padStart(length, "0");
}

/** Time of day in UTC with milliseconds: `14:06:23.104`. */
export function clock(ms: number, millis = true): string {
  if (!ms) return "";
  const at = new Date(ms);
  const text = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}`;
  return millis ? `${text}.${pad(at.getUTCMilliseconds(), 3)}` : text;
}

/** `18,204`. */
export function count(value: number): string {
  return String(Math.trunc(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** At most `limit` characters; what is left out is left out of the middle, ends carry meaning. */
export function middle(text: string, limit = 28): string {
  const letters = Array.from(text);
  if (letters.length <= limit) return text;
  const head = Math.ceil((limit - 1) / 2);
  return `${letters.slice(0, head).join("")}…${letters.slice(letters.length - (limit - 1 - head)).join("")}`;
}
/** At most `limit` characters, the rest cut off. */
export function cut(text: string, limit: number): string {
  const letters = Array.from(text);
  return letters.length <= limit ? text : `${letters.slice(0, Math.max(1, limit - 1)).join("")}…`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
/** Text for markup. Control characters that XML forbids become spaces, lone surrogates U+FFFD. */
export function escape(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, " ")
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd")
    .replace(/[&<>"']/g, (c) => ENTITIES[c]!);
}

/** Place of a run path: the same without iterations. */
export function place_of(path: string): string {
  return path.includes("[") ? path.replace(/\[\d+\]/g, "") : path;
}
/** Last level of a path, without its iteration. */
export function leaf_of(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.replace(/\[\d+\]$/, "");
}

const STATUS_WORDS: Record<string, string> = {
  SCHEDULED: "Scheduled", IN_PROGRESS: "Running", COMPLETED: "Completed", COMPLETED_WITH_ERRORS: "With errors",
  SKIPPED: "Skipped", CANCELED: "Canceled", FAILED: "Failed", FAILED_WITH_TERMINAL_ERROR: "Failed, no retry",
  TIMED_OUT: "Timed out", RUNNING: "Running", PAUSED: "Paused", TERMINATED: "Terminated",
};
/** `Timed out` for `TIMED_OUT`. */
export function status_word(status: string): string {
  return STATUS_WORDS[status] ?? status;
}
