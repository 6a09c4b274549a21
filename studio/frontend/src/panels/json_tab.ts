/** The execution and its definition as JSON: folded, copied, saved. */
import type { ViewModel } from "../viewmodel";
import { fill, h } from "../dom";
import { copy_button } from "./interaction";
import { bytes } from "./json_value";
import { JsonView } from "./json_view";
import { nothing } from "./section";

type Which = "execution" | "definition";

export class JsonTab {
  readonly element: HTMLElement;
  private readonly body = h("div.jbody", { tabindex: 0, "aria-label": "JSON" });
  private readonly size = h("span.t3");
  private which: Which = "execution";
  private text = "";
  private read_at = new Map<Which, number>();
  private readonly values = new Map<Which, unknown>();

  constructor(private readonly vm: ViewModel) {
    const choice = h("div.seg", { role: "group", "aria-label": "Which JSON" }, ...(["execution", "definition"] as const).map((which) => h("button", {
      type: "button", "aria-pressed": String(which === this.which),
      onclick: (event: Event) => {
        this.which = which;
        for (const button of choice.children) button.setAttribute("aria-pressed", String(button === event.currentTarget));
        void this.load();
      },
    }, which === "execution" ? "Execution" : "Definition")));
    const save = h("button.btn.small", { type: "button", onclick: () => this.save() }, "Download");
    this.element = h("div.xlist", null, h("div.xbar", null, choice, this.size, h("span.grow"), copy_button(() => this.text, "JSON"), save), this.body);
  }

  show(is_shown: boolean): void {
    if (is_shown) void this.load();
  }

  private async load(): Promise<void> {
    const { which, vm } = this;
    if (!this.values.has(which) || (which === "execution" && this.read_at.get(which) !== vm.events.length)) {
      if (!this.values.has(which)) fill(this.body, nothing("Reading…"));
      this.read_at.set(which, vm.events.length);
      try {
        this.values.set(which, await vm.ask<unknown>({ what: which }));
      } catch (reason) {
        fill(this.body, nothing(`It could not be read: ${reason instanceof Error ? reason.message : String(reason)}`));
        this.read_at.delete(which);
        return;
      }
    }
    if (which !== this.which) return;
    const value = this.values.get(which);
    this.text = JSON.stringify(value, null, 2);
    this.size.textContent = bytes(new Blob([this.text]).size);
    fill(this.body, new JsonView(value, { label: which === "execution" ? "Execution as JSON" : "Definition as JSON", open_depth: 1 }).element);
  }

  private save(): void {
    if (!this.text) return;
    const url = URL.createObjectURL(new Blob([this.text], { type: "application/json" }));
    const name = this.which === "execution" ? this.vm.data.workflow_id : `${this.vm.data.name}.v${this.vm.data.version}`;
    const link = h<HTMLAnchorElement>("a", { href: url, download: `${name}.json` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}
