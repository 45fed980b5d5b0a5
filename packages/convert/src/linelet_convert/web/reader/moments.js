/**
 * Days and times of day as forms write them, as linelet_common/moments.py: `{2020-01-01..2026-12-31:%d.%m.%Y}`.
 *
 * @typedef {string | readonly string[]} Token a directive, or a month's or weekday's words, or literal text (a list of one)
 * @typedef {{low: number, high: number, isDay: boolean, tokens: Token[]}} Moment
 *   days (1 is 0001-01-01) or minutes of the day, both limits included
 */
import { LineletError } from "./errors.js";

const LIMITS = /^(?:(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d):([^]+)|(\d\d):(\d\d)\.\.(\d\d):(\d\d):([^]+))$/;
const TOKEN = /%(?:(-?[A-Za-z%])|\(([^()]*)\))|[^%]+|%/g;
const DAY = ["%Y", "%y", "%m", "%-m", "%d", "%-d"];
const TIME = ["%H", "%-H", "%I", "%-I", "%M", "%S", "%p"];
const MILLISECONDS = 24 * 60 * 60 * 1000;
const FIRST = Date.parse("0001-01-01T00:00:00Z") / MILLISECONDS - 1;

/**
 * The pieces of a range of days or times; null for anything else. Recipes are checked where they are read, in Python:
 * this names no remedy but to convert again.
 * @param {string} inside @param {Readonly<Record<string, readonly string[]>>} vocabulary
 * @returns {(string | Moment)[] | null}
 */
export function parseMoment(inside, vocabulary) {
  const match = inside.match(LIMITS);
  if (!match) return null;
  const [, first, last, ofDays, fromHour, fromMinute, toHour, toMinute, ofTime] = match;
  const [low, high] = first
    ? [first, last].map((day) => Date.parse(`${day}T00:00:00Z`) / MILLISECONDS - FIRST)
    : [Number(fromHour) * 60 + Number(fromMinute), Number(toHour) * 60 + Number(toMinute)];
  const tokens = tokensOf(ofDays ?? ofTime, vocabulary, inside);
  const spans = [spanOf(tokens, true), spanOf(tokens, false)].filter((span) => span !== null);
  if (!(low <= high) || !spans.some(({ isDay }) => isDay === Boolean(first))) throw wrong(inside);
  const pieces = [];
  let end = 0;
  for (const { start, stop, isDay } of spans.sort((a, b) => a.start - b.start)) {
    if (start < end) throw wrong(inside);
    pieces.push(...tokens.slice(end, start).map(([text]) => text));
    const limits = isDay || !first ? { low, high } : { low: 0, high: 24 * 60 - 1 };
    pieces.push({ ...limits, isDay, tokens: tokens.slice(start, stop) });
    end = stop;
  }
  return [...pieces, ...tokens.slice(end).map(([text]) => text)];
}

const wrong = (inside) => new LineletError(`the form's '{${inside}}' is no range of days or times; convert again`);

function tokensOf(text, vocabulary, inside) {
  return [...text.matchAll(TOKEN)].map(([whole, directive, name]) => {
    if (name !== undefined) {
      const words = Object.hasOwn(vocabulary, name) ? vocabulary[name] : [];
      if (words.length !== 7 && words.length !== 12) throw wrong(inside);
      return words;
    }
    if (!whole.startsWith("%")) return [whole];
    if (directive === "%") return ["%"];
    if (!DAY.includes(whole) && !TIME.includes(whole)) throw wrong(inside);
    return whole;
  });
}

/** The first and behind the last of the tokens that are a day's or a time's; null where there is none. */
function spanOf(tokens, isDay) {
  const is = (token) => (typeof token === "string" ? (isDay ? DAY : TIME).includes(token) : isDay && token.length > 1);
  const start = tokens.findIndex(is);
  return start < 0 ? null : { start, stop: tokens.findLastIndex(is) + 1, isDay };
}

/** Every text of it, position by position the characters that may stand there. @param {Moment} moment */
export function momentPatterns(moment) {
  let patterns = [];
  for (let value = moment.low; value <= moment.high; value++) {
    patterns.push(moment.tokens.flatMap((token) => (
      token === "%S" ? ["012345", "0123456789"] : [...written(token, value, moment.isDay)]
    )));
  }
  // Thousands of texts; those that differ in one place become one pattern.
  for (let place = Math.max(...patterns.map(({ length }) => length)) - 1; place >= 0; place--) {
    const found = new Map();
    for (const pattern of patterns.filter(({ length }) => place < length)) {
      const key = JSON.stringify([pattern.slice(0, place), pattern.slice(place + 1)]);
      if (!found.has(key)) found.set(key, { pattern, characters: new Set() });
      for (const character of pattern[place]) found.get(key).characters.add(character);
    }
    const merged = [...found.values()].map(({ pattern, characters }) => (
      pattern.map((own, k) => (k === place ? [...characters].sort().join("") : own))
    ));
    patterns = [...patterns.filter(({ length }) => place >= length), ...merged];
  }
  return patterns.map((pattern) => pattern.map((characters) => [...characters]));
}

function written(token, value, isDay) {
  const day = isDay ? new Date((value + FIRST) * MILLISECONDS) : null;
  if (typeof token !== "string") {
    if (token.length === 1) return token[0];
    return token[token.length === 12 ? day.getUTCMonth() : (day.getUTCDay() + 6) % 7];
  }
  const [hour, minute] = [Math.floor(value / 60), value % 60];
  if (token === "%p") return hour > 11 ? "PM" : "AM";
  const number = isDay
    ? { Y: day.getUTCFullYear(), y: day.getUTCFullYear() % 100, m: day.getUTCMonth() + 1, d: day.getUTCDate() }[token.at(-1)]
    : { H: hour, I: hour % 12 || 12, M: minute }[token.at(-1)];
  return token.includes("-") ? String(number) : String(number).padStart(token === "%Y" ? 4 : 2, "0");
}

/** What matches its texts without their spaces, and others. @param {Moment} moment @param {(text: string) => string} escape */
export function momentExpression(moment, escape) {
  return moment.tokens.map((token) => {
    if (typeof token !== "string") return `(?:${token.map(escape).join("|")})`;
    if (token === "%p") return "(?:AM|PM)";
    return token === "%Y" ? "\\d{4}" : token.includes("-") ? "\\d{1,2}" : "\\d\\d";
  }).join("");
}
