/** What every panel is given and gives back. */

export interface PanelHost {
  /** Show another execution in place of this one. */
  navigate(workflow_id: string): void;
  /** Keep parameters in the address; null removes one. */
  setUrl(params: Record<string, string | null>): void;
  /** Say something to people who listen; `assertive` interrupts. */
  announce(text: string, assertive?: boolean): void;
}
export interface Panel {
  destroy(): void;
}
