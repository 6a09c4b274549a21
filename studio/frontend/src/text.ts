/** How wide text is before anybody has drawn it: advance widths of a Helvetica-like face. */

const NARROW = " !'(),-./:;I[]`fijlrt|·‹›";
const WIDE = "mwMW@%…→—";
const UPPER = /[A-ZÀ-Þ&]/;

/** Width in px, about 3 % on the safe side. */
export function text_width(text: string, size: number, bold = false): number {
  let units = 0;
  for (const letter of text) {
    if (NARROW.includes(letter)) units += 0.31;
    else if (WIDE.includes(letter)) units += 0.86;
    else if (UPPER.test(letter)) units += 0.69;
    else if (letter > "\u2e80") units += 1;
    else units += 0.555;
  }
  return units * size * (bold ? 1.06 : 1);
}

/** The text, shortened in its middle until it fits and has at most 28 characters. */
export function fit_middle(text: string, width: number, size: number, bold = false): string {
  const letters = Array.from(text);
  if (letters.length <= 28 && text_width(text, size, bold) <= width) return text;
  for (let keep = Math.min(27, letters.length - 1); keep > 2; keep--) {
    const head = Math.ceil(keep / 2);
    const short = `${letters.slice(0, head).join("")}…${letters.slice(letters.length - (keep - head)).join("")}`;
    if (text_width(short, size, bold) <= width) return short;
  }
  return letters.length > 3 ? `${letters[0]}…` : text;
}

/** The text, cut at its end until it fits. */
export function fit_end(text: string, width: number, size: number): string {
  if (text_width(text, size) <= width) return text;
  const letters = Array.from(text);
  while (letters.length > 1 && text_width(`${letters.join("")}…`, size) > width) letters.pop();
  return `${letters.join("").trimEnd()}…`;
}
