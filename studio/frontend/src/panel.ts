/** The view as a Panel component: parameters in, parameters out.
 *
 * Questions and answers travel as parameters and not as messages, since messages are lost where
 * a notebook front end uses ipywidgets comms. Panel sends a parameter only when its value
 * changes, so every question, answer and push carries a number that grows.
 */
import type { Answer, Ask, Patch, ViewData } from "./protocol";
import { greet } from "../../views/browser/hello.js";
import type { Host } from "./host";
import { mount, type Mounted } from "./main";

interface PanelModel {
  /** `ViewData` as JSON text, empty until it is known. Its version grows with every opening. */
  opening: { version: number; text: string } | Record<string, never>;
  /** The newest `Patch` as JSON text: push `seq` of the opening of this version. */
  patch: { version: number; seq: number; text: string } | Record<string, never>;
  /** Answers of one turn of Python, each an `Answer` as JSON text. */
  answer: { seq: number; items: string[] } | Record<string, never>;
  /** The newest questions; Python takes those whose id it has not seen. */
  ask: { items: Ask[] } | Record<string, never>;
  theme: "light" | "dark" | "auto";
  goto: string;
  url: Record<string, string | null>;
  hello: { seq: number; has: number } | Record<string, never>;
  on(names: string | string[], listener: () => void): void;
}

/** Questions kept in the parameter: Python takes those it has not seen by their number. */
const KEPT_QUESTIONS = 64;

export function render({ model, el }: { model: PanelModel; el: HTMLElement }): HTMLElement {
  const root = document.createElement("div");
  root.style.cssText = "width:100%;height:100%;min-height:inherit";
  let mounted: Mounted | null = null;
  let heard_patch: (patch: Patch) => void = () => {};
  let heard_answer: (answer: Answer) => void = () => {};
  let asked: Ask[] = [];
  /** Version of the opening that is shown and may be pushed on; 0: none, or a push is missing. */
  let version = 0;
  let shown = 0;
  let last_patch = 0;
  let missed = (): void => {};

  const open = (): void => {
    const { opening } = model;
    if (!("version" in opening) || opening.version === shown) return;
    const selection = mounted?.model.selection;
    mounted?.destroy();
    asked = [];
    last_patch = 0;
    version = shown = opening.version;
    const data = JSON.parse(opening.text) as ViewData;
    const host: Host = {
      data,
      onPatch: (listener) => (heard_patch = listener),
      onAnswer: (listener) => (heard_answer = listener),
      ask: (question) => {
        asked = [...asked.slice(-KEPT_QUESTIONS + 1), question];
        model.ask = { items: asked };
      },
      navigate: (workflow_id) => (model.goto = workflow_id),
      setUrl: (params) => {
        model.url = params;
        keep_in_address(params);
      },
    };
    mounted = mount(root, host);
    if (model.theme !== "auto") mounted.set_theme(model.theme);
    if (selection) mounted.model.select(selection.path, selection.task_id);
    take_patch();
  };

  const take_patch = (): void => {
    const { patch } = model;
    if (!("seq" in patch) || !version || patch.version < version) return;
    if (patch.version === version && patch.seq <= last_patch) return;
    if (patch.version > version || patch.seq !== last_patch + 1) {
      version = 0;
      missed();
      return;
    }
    last_patch = patch.seq;
    heard_patch(JSON.parse(patch.text) as Patch);
  };
  const take_answers = (): void => {
    for (const answer of model.answer.items ?? []) heard_answer(JSON.parse(answer) as Answer);
  };

  model.on("opening", open);
  model.on("patch", take_patch);
  model.on("answer", take_answers);
  model.on("theme", () => mounted?.set_theme(model.theme));
  void el;
  open();
  missed = greet(model, () => version);
  return root;
}

function keep_in_address(params: Record<string, string | null>): void {
  const url = new URL(location.href);
  for (const [key, value] of Object.entries(params)) {
    if (value === null) url.searchParams.delete(key);
    else url.searchParams.set(key, value);
  }
  history.replaceState(history.state, "", url);
}

export { mount };
