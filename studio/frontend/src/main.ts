/** Mounts the execution view: one model, every panel on it. */
import styles from "styles:*";
import type { Host } from "./host";
import { CursorBar } from "./cursor";
import { fill, h, per_frame } from "./dom";
import { Graph } from "./graph";
import { mount_head } from "./head";
import { Model, create_model } from "./model";
import { mount_outline } from "./outline";
import { mountInspector, mountPlanner, mountStrip, mountTabs } from "./panels";
import { splitter } from "./splitter";

/** Narrower than this the parts stand one below the other. */
const NARROW = 700;

export interface Mounted {
  readonly model: Model;
  set_theme(theme: "light" | "dark" | "auto"): void;
  destroy(): void;
}

export function mount(root: HTMLElement, host: Host): Mounted {
  return new View(root, host);
}

class View implements Mounted {
  readonly model: Model;
  private readonly view: HTMLElement;
  private readonly polite = h("div.sr", { "aria-live": "polite" });
  private readonly assertive = h("div.sr", { "aria-live": "assertive" });
  private readonly cleanup: (() => void)[] = [];
  /** What the view itself selected: it gives way to a newer cause. */
  private chosen_cause: string | null = null;
  private theme_wanted: "light" | "dark" | "auto" = "auto";

  constructor(private readonly root: HTMLElement, private readonly host: Host) {
    const { data } = host;
    this.view = h("div.studio-view", { "data-mode": data.mode });
    this.model = create_model(data, (ask) => host.ask(ask));
    this.set_theme(data.theme ?? "auto");
    root.append(h("style"), this.view);
    root.querySelector("style")!.textContent = styles;
    this.open_selection();
    this.build();
    this.wire();
  }

  /** What the address says, else the cause of the failure. */
  private open_selection(): void {
    const { model } = this;
    const asked = this.host.data.mode === "page" ? new URLSearchParams(location.search) : new URLSearchParams();
    const path = asked.get("task");
    const event = Number(asked.get("event"));
    if (path) model.select(path);
    else this.select_cause();
    if (event > 0 && event < model.events.length) model.seek(event);
  }

  /** Selects the cause, unless a person has chosen something else meanwhile. */
  private select_cause(): void {
    const { model } = this;
    const cause = model.data.failure?.chains[0]?.cause;
    if (!cause || (model.selection && model.selection.path !== this.chosen_cause)) return;
    this.chosen_cause = cause.path;
    model.select(cause.path, cause.task_id);
  }

  private build(): void {
    const { model, view } = this;
    const panel_host = {
      navigate: (workflow_id: string) => this.host.navigate(workflow_id), setUrl: (params: Record<string, string | null>) => this.host.setUrl(params),
      announce: (text: string, assertive?: boolean) => this.announce(text, assertive),
    };
    const area = (name: string) => h(`div.v-${name}`);
    const [head, strip, main, side, graph, cursor, tabs, outline, planner] =
      ["head", "strip", "main", "side", "graph", "cursor", "tabs", "outline", "planner"].map(area) as [HTMLElement, ...HTMLElement[]] & HTMLElement[];
    const body = area("body");
    main!.append(graph!, cursor!, tabs!);
    body.append(main!, side!);
    side!.id = "studio-inspector";
    view.append(h("a.skip", { href: "#studio-inspector", onclick: (e: Event) => this.skip(e, side!) }, "Skip past the graph"), head!, strip!, body, outline!, planner!, this.polite, this.assertive);
    if (model.data.mode !== "cell") {
      main!.append(splitter(view, main!, tabs!, { axis: "row", label: "Height of the details", property: "--bottom", least: 120, most: 0.7 }));
      body.append(splitter(view, body, side!, { axis: "col", label: "Width of the inspector", property: "--side", least: 260, most: 0.6 }));
      this.cleanup.push(mount_head(head!, model, this.host, panel_host.announce));
      const tabs_panel = mountTabs(tabs!, model, panel_host);
      this.cleanup.push(() => tabs_panel.destroy());
    } else {
      tabs!.remove();
    }
    const bar = new CursorBar(cursor!, model, view);
    const drawing = new Graph(graph!, model);
    for (const panel of [mountStrip(strip!, model, panel_host), mountInspector(side!, model, panel_host), mountPlanner(planner!, model, panel_host), bar, drawing]) {
      this.cleanup.push(() => panel.destroy());
    }
    outline!.append(h("h2", null, "Outline"));
    this.cleanup.push(mount_outline(outline!, model));
  }

  private skip(event: Event, to: HTMLElement): void {
    event.preventDefault();
    to.querySelector<HTMLElement>("button, [tabindex]")?.focus();
  }

  private announce(text: string, assertive = false): void {
    fill(assertive ? this.assertive : this.polite, text);
    if (!assertive) return;
    const toast = h("div.toast", { role: "status" }, text);
    this.view.append(toast);
    setTimeout(() => toast.remove(), 6000);
  }

  private wire(): void {
    const { model, host, view } = this;
    let alive = true;
    this.cleanup.push(() => (alive = false));
    host.onPatch((patch) => alive && model.patch(patch));
    host.onAnswer((answer) => alive && model.answered(answer));
    this.cleanup.push(model.on("failure", () => this.select_cause()));
    void model.load_rest().catch((error) => this.announce(`The rest of the history did not come: ${error.message}`, true));
    const sized = new ResizeObserver(() => view.classList.toggle("narrow", this.root.clientWidth > 0 && this.root.clientWidth < NARROW));
    sized.observe(this.root);
    view.classList.toggle("narrow", this.root.clientWidth > 0 && this.root.clientWidth < NARROW);
    this.cleanup.push(() => sized.disconnect());
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const themed = (): void => this.set_theme(this.theme_wanted);
    dark.addEventListener("change", themed);
    this.cleanup.push(() => dark.removeEventListener("change", themed));
    // What surrounds the view says its theme by attributes: our own pages, and JupyterLab.
    const around = new MutationObserver(themed);
    around.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    around.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
    this.cleanup.push(() => around.disconnect());
    if (model.data.mode === "page") this.keep_address();
  }

  private keep_address(): void {
    const { model } = this;
    let said = "";
    const say = per_frame(() => {
      const params = { task: model.selection?.path ?? null, event: model.following ? null : String(model.cursor) };
      const text = JSON.stringify(params);
      if (text === said) return;
      said = text;
      this.host.setUrl(params);
    });
    this.cleanup.push(model.on(["selection", "cursor"], say));
  }

  set_theme(theme: "light" | "dark" | "auto"): void {
    this.theme_wanted = theme;
    const shown = theme === "auto" ? theme_around() : theme;
    this.view.dataset.theme = shown;
    this.model.theme = shown;
  }

  destroy(): void {
    for (const undo of this.cleanup.splice(0).reverse()) undo();
    this.root.replaceChildren();
  }
}

/** The theme of the page or notebook around the view; where none is told, the system's. */
function theme_around(): "light" | "dark" {
  const page = document.documentElement.dataset.theme;
  if (page === "light" || page === "dark") return page;
  const { jpThemeLight } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "false" ? "dark" : "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
