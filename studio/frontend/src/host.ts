/** What the page around the view does for it: Panel, a plain page or a saved file. */
import type { Answer, Ask, Patch, ViewData } from "./protocol";

export interface Host {
  data: ViewData;
  /** Calls the listener for every push of a live execution. */
  onPatch(listener: (patch: Patch) => void): void;
  onAnswer(listener: (answer: Answer) => void): void;
  ask(question: Ask): void;
  /** Shows another execution in place of this one. */
  navigate(workflow_id: string): void;
  /** Keeps parameters in the address; null removes one. */
  setUrl(params: Record<string, string | null>): void;
}
