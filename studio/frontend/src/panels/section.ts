/** The parts that inspector and planner are put together from. */
import type { Family } from "../viewmodel";
import { h, icon } from "../dom";
import { status_word } from "../format";
import { task_glyph } from "../glyphs";

type Content = Node | string | null | undefined | false;

/** A titled part: heading, a quiet note beside it, something at the right, then the content. */
export function section(title: Content, options: { note?: Content; aux?: Content } | null, ...content: Content[]): HTMLElement {
  return h("section.isec", null,
    h("header", null, h("h3", null, title), options?.note ? h("span.note", null, options.note) : null, options?.aux ? h("span.aux", null, options.aux) : null),
    ...content);
}

/** Glyph and word of a status. */
export function status_label(family: Family, status: string, type = ""): HTMLElement {
  return h("span.pstatus", null, icon(task_glyph(family, status, type), `s-${family}`), status_word(status));
}

/** Names and values in two columns; empty values are left out. */
export function facts(rows: [string, Content][]): HTMLElement {
  return h("dl.ifacts", null, ...rows.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== "")
    .flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value as Node | string)]));
}

/** A sentence in place of content that is missing. */
export function nothing(text: string, ...more: Content[]): HTMLElement {
  return h("p.inone", null, text, ...more);
}

export function kbd(key: string): HTMLElement {
  return h("kbd", null, key);
}
