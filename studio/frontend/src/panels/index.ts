/** The panels of the execution view, ready to be mounted. */
export { mountInspector } from "./inspector";
export { mountPlanner, type Planner } from "./planner";
export { mountStrip } from "./strip";
export { mountTabs } from "./tabs";
export type { Panel, PanelHost } from "./panel";
export { ask_replay } from "./replay_request";
