/** A drawing as one self-contained SVG text: styles, title and description inside.
 *
 * Runs where there is no DOM (quickjs); the drawing is the one of the page.
 */
import styles from "styles:graph.css";
import tokens from "styles:tokens";
import type { Block, TaskStatus, ViewData, ViewEvent } from "./protocol";
import { draw_all, hatch, start_width } from "./draw";
import { face_of, first_cases } from "./faces";
import { escape } from "./format";
import { closed_by_size, has_inside, layout, ways_to, type Layout } from "./layout";
import { Model } from "./model";

/** Final state of a place, when there is no history to fold. */
export interface PlaceState { status: TaskStatus; type?: string; start_ms?: number; end_ms?: number; chosen?: string; optional?: boolean }

export interface PictureRequest {
  /** An execution with its events, or the blocks of a definition. */
  data?: ViewData;
  blocks?: Block[];
  states?: Record<string, PlaceState>;
  name?: string;
  theme?: "light" | "dark";
  title?: string;
  description?: string;
  /** Most boxes to draw; what is beyond is closed. */
  limit?: number;
}

function data_of(request: PictureRequest): ViewData {
  const events: ViewEvent[] = [];
  for (const [path, state] of Object.entries(request.states ?? {})) {
    const common = { workflow_id: "w", actor: "engine", wall_ms: state.end_ms ?? state.start_ms ?? 0, task_id: path, path, ref: path };
    const { status, start_ms, end_ms, optional } = state;
    events.push({ ...common, n: events.length + 1, number: events.length + 1, kind: "TaskScheduled", data: { status, task_type: state.type, start_ms, end_ms, optional } });
    if (state.chosen !== undefined) {
      events.push({ ...common, n: events.length + 1, number: events.length + 1, kind: "BranchChosen", data: { case: state.chosen } });
    }
  }
  return {
    workflow_id: "w", name: request.name ?? "", version: 1, status: "COMPLETED", start_ms: 0, end_ms: 0, input_line: "", blocks: request.blocks ?? [],
    events, event_count: events.length, failure: null, branches: [], capabilities: [], mode: "file",
  };
}

/** The layout that a picture of this request uses. */
function map_of(model: Model, limit: number): Layout {
  const { blocks, failure, input_line } = model.data;
  const causes = new Set((failure?.chains ?? []).map((c) => c.cause.path.replace(/\[\d+\]/g, "")));
  const closed = closed_by_size(blocks, ways_to(blocks, causes), limit);
  return layout(blocks, {
    is_open: (block) => has_inside(block) && !closed.has(block.place), tall: causes, first_case: first_cases(model), start_width: start_width(input_line),
  });
}

/** SVG text of a request in JSON. */
export function picture(json: string): string {
  const request = JSON.parse(json) as PictureRequest;
  const model = new Model(request.data ?? data_of(request), () => {}, request.theme);
  const plain = !request.data && !request.states;
  const map = map_of(model, request.limit ?? 300);
  const pad = 14;
  const [x, y, w, h] = [map.x - pad, map.y - pad, map.w + 2 * pad, map.h + 2 * pad];
  const theme = request.theme ?? "light";
  const title = request.title ?? (model.data.name || "Workflow");
  const description = request.description ?? described(map, model, plain);
  const size = `width="${Math.ceil(w)}" height="${Math.ceil(h)}" viewBox="${x} ${y} ${Math.ceil(w)} ${Math.ceil(h)}"`;
  return flat(`<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" class="draw" data-theme="${theme}" data-detail="3"><title>${escape(title)}</title><desc>${escape(description)}</desc><style>${style_of()}</style>${hatch()}<rect x="${x}" y="${y}" width="100%" height="100%" fill="var(--canvas)"/>${draw_all(map, model, { detail: 3, plain })}</svg>`);
}

/** quickjs keeps a concatenation as a tree, which its Python binding can't read; a join is flat. */
function flat(text: string): string {
  return [text].join("");
}

/** Tokens apply to the drawing only: a picture inside a page must not recolour the page. */
function style_of(): string {
  const scoped = tokens
    .replace(/:root,:host,\[data-theme="light"\]/g, ".draw")
    .replace(/\[data-theme="dark"\]/g, '.draw[data-theme="dark"]')
    .replace(/:root,:host/g, ".draw");
  const still = '.draw [data-act="fold"] text{display:none}'; // an image does nothing when it is clicked
  return `${scoped}${styles}${still}`.replace(/</g, "\\3c ").replace(/&/g, "\\26 ");
}

function described(map: Layout, model: Model, plain: boolean): string {
  const lines = map.boxes.filter((b) => b.shape !== "join").slice(0, 200).map((box) => face_of(model, box, plain).label);
  return `${map.boxes.length} boxes, top to bottom: ${lines.join("; ")}.`;
}

/** Boxes of the drawing as JSON `[id, shape, x, y, w, h, depth, container][]`: for checks of the layout. */
export function boxes(json: string): string {
  const request = JSON.parse(json) as PictureRequest;
  const map = map_of(new Model(request.data ?? data_of(request), () => {}), request.limit ?? 300);
  return flat(JSON.stringify(map.boxes.map((b) => [b.id, b.shape, b.x, b.y, b.w, b.h, b.depth, b.container])));
}
