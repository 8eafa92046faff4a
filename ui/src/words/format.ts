// Every number, size, date and span that a person reads is put into words here.
const locale = "en-US";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "Sun 22 Nov 2026, 01:30" in local time. */
export function localDateTime(ms: number): string {
  const p = parts(ms);
  return `${p.weekday} ${p.day} ${p.month} ${p.year}, ${p.hour}:${p.minute}`;
}

/** "22 Nov 2026" in local time. */
export function localDate(ms: number): string {
  const p = parts(ms);
  return `${p.day} ${p.month} ${p.year}`;
}

/** "01:30" in local time. */
export function localTime(ms: number): string {
  const p = parts(ms);
  return `${p.hour}:${p.minute}`;
}

/** "01:30:07" in local time. */
export function localTimeWithSeconds(ms: number): string {
  const p = parts(ms);
  return `${p.hour}:${p.minute}:${p.second}`;
}

/** "2026-11-22 04:30 UTC". */
export function utcDateTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** "2026-11-22", the day in UTC. */
export function utcDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** "22 Nov", the day in UTC. */
export function utcShortDay(ms: number): string {
  const p = parts(ms, "UTC");
  return `${p.day} ${p.month}`;
}

/** What was said in a few words, as a sentence: "somebody deleted it" becomes "Somebody deleted it." */
export function sentence(said: string): string {
  const text = said.trim();
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…”]$/.test(begun) || begun === "" ? begun : `${begun}.`;
}

/** Moments in a text of the engine's, in local time: "from 2026-11-22T04:30:00.000Z" is "from Sun 22 Nov 2026, 01:30". */
export function withLocalMoments(text: string): string {
  return text.replace(/\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/g, (moment) =>
    localDateTime(Date.parse(moment)),
  );
}

/** "2026-11-22 01:30" in local time: what the text fields for a moment hold. */
export function fieldDateTime(ms: number): string {
  const d = new Date(ms);
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  return `${day} ${two(d.getHours())}:${two(d.getMinutes())}`;
}

/** Reads "YYYY-MM-DD HH:MM" (or "YYYY-MM-DD") as local time; null when it is no such moment. */
export function parseFieldDateTime(text: string): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2}))?$/.exec(text.trim());
  if (!match) return null;
  const [year, month, day, hour, minute] = match.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(year, month - 1, day, hour, minute);
  const same = date.getFullYear() === year && date.getMonth() === month - 1 && date.getDate() === day;
  return same && hour < 24 && minute < 60 ? date.getTime() : null;
}

/** True for "00:00" to "23:59". */
export function isDailyTime(text: string): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d$/.test(text.trim());
}

/** The local time of the next "HH:MM" UTC after `now`, with the day's shift: { time: "22:30", days: -1 }. */
export function dailyTimeHere(utc: string, now: number): { time: string; days: number } {
  const [hour, minute] = utc.split(":").map(Number) as [number, number];
  const at = new Date(now);
  at.setUTCHours(hour, minute, 0, 0);
  if (at.getTime() <= now) at.setTime(at.getTime() + DAY);
  const localDayStart = Date.UTC(at.getFullYear(), at.getMonth(), at.getDate());
  const utcDayStart = Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate());
  return { time: localTime(at.getTime()), days: Math.round((localDayStart - utcDayStart) / DAY) };
}

/** "3 hours ago", "in 5 minutes", "just now". */
export function ago(ms: number, now: number): string {
  const distance = Math.abs(now - ms);
  if (distance < MINUTE) return now >= ms ? "just now" : "in a moment";
  const [amount, unit] =
    distance < HOUR
      ? [Math.floor(distance / MINUTE), "minute"]
      : distance < 2 * DAY
        ? [Math.floor(distance / HOUR), "hour"]
        : [Math.floor(distance / DAY), "day"];
  const phrase = counted(amount, unit as string, `${unit}s`);
  return now >= ms ? `${phrase} ago` : `in ${phrase}`;
}

/** "12,345". */
export function count(n: number): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 0 }).format(n);
}

/** "1 device", "2 devices". */
export function counted(n: number, one: string, many: string): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** "1.4 MB": powers of a thousand, three digits that matter. */
export function size(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (unit === 0) return counted(Math.abs(bytes), "byte", "bytes");
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${units[unit]}`;
}

/** "+24.1 kB", "−1.20 MB", "no change". */
export function sizeChange(bytes: number): string {
  if (bytes === 0) return "no change";
  return `${bytes > 0 ? "+" : "\u2212"}${size(bytes)}`;
}

/** "$25.00"; less than a dollar that is not whole cents keeps four digits: "$0.0834". */
export function money(micros: number, currency = "USD"): string {
  const inCents = micros % 10_000 === 0 || Math.abs(micros) >= 1_000_000;
  return currencyText(micros, currency, inCents ? 2 : 4);
}

/** A price per hour, which months are reckoned from: four digits unless it is whole cents. "$1.2028". */
export function rate(micros: number, currency = "USD"): string {
  return currencyText(micros, currency, micros % 10_000 === 0 ? 2 : 4);
}

/** "45 seconds", "3 minutes", "2 h 5 min". */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return counted(whole, "second", "seconds");
  const minutes = Math.round(whole / 60);
  if (minutes < 90) return counted(minutes, "minute", "minutes");
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  return rest === 0 ? counted(hours, "hour", "hours") : `${hours} h ${rest} min`;
}

/** "2 to 4 minutes", or one span where both ends read the same. */
export function spanRange(low: number, high: number): string {
  const from = span(low);
  const to = span(Math.max(low, high));
  if (from === to) return `about ${to}`;
  const [fromAmount, fromUnit] = from.split(" ");
  const [toAmount, toUnit, ...more] = to.split(" ");
  const sameUnit = more.length === 0 && !from.includes(" h ") && singular(fromUnit) === singular(toUnit);
  return sameUnit ? `${fromAmount} to ${toAmount} ${toUnit}` : `${from} to ${to}`;
}

/** "14:32" until something ends: a countdown in minutes and seconds. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
}

/** "42%"; never 100% before everything is done. */
export function percent(done: number, total: number): string {
  if (total <= 0) return "0%";
  return `${Math.min(100, Math.floor((done / total) * 100))}%`;
}

/** How many days of UTC there are from one moment to another, as "31 days". */
export function days(n: number): string {
  return counted(n, "day", "days");
}

function parts(ms: number, timeZone?: string): Record<string, string> {
  const formatter = new Intl.DateTimeFormat(locale, {
    timeZone,
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  return Object.fromEntries(formatter.formatToParts(ms).map((part) => [part.type, part.value]));
}

function currencyText(micros: number, currency: string, digits: number): string {
  return new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(micros / 1_000_000);
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

function singular(unit: string | undefined): string {
  return (unit ?? "").replace(/s$/, "");
}
