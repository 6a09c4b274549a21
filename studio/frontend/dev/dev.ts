/** Development page: one sample execution without a back end.
 *
 * `?theme=dark`, `?mode=cell`, `?live` (events arrive over ten seconds), `?origin`, `?plan`,
 * `?big=5000` (a definition of that many tasks), `?loop=10000` (a loop of that many iterations),
 * `?fan=5000` (a dynamic fork of that many branches).
 */
import type { Answer, Hop, Patch, Plan, ViewData } from "../src/protocol";
import { mount } from "../src/main";
import { answer, order_flow } from "../test/order_flow";
import { big_flow, long_loop, wide_fan } from "../test/big_flow";

const asked = new URLSearchParams(location.search);
const whole: ViewData = asked.has("big") ? big_flow(Number(asked.get("big")))
  : asked.has("fan") ? wide_fan(Number(asked.get("fan")))
  : asked.has("loop") ? long_loop(Number(asked.get("loop"))) : order_flow();
const data: ViewData = { ...whole, mode: (asked.get("mode") as ViewData["mode"] | null) ?? "page", theme: asked.get("theme") === "dark" ? "dark" : "light" };
if (asked.has("live")) {
  Object.assign(data, { events: whole.events.slice(0, 40), event_count: 40, status: "RUNNING", failure: null, end_ms: 0 });
}

const root = document.getElementById("root")!;
const shadow = document.createElement("div");
shadow.style.height = "100%";
root.append(shadow);
const inside = document.createElement("div");
inside.style.height = "100%";
shadow.attachShadow({ mode: "open" }).append(inside);

let tell: (answer: Answer) => void = () => {};
let push: (patch: Patch) => void = () => {};
const begin = performance.now();
const view = mount(inside, {
  data, onPatch: (listener) => (push = listener), onAnswer: (listener) => (tell = listener),
  ask: (question) => setTimeout(() => tell(answer(whole, question)), 20), navigate: (id) => console.log("navigate", id), setUrl: () => {},
});
console.log(`mounted in ${(performance.now() - begin).toFixed(0)} ms`);
Object.assign(window, { view });

if (asked.has("origin")) {
  const cause = data.failure!.chains[0]!.cause;
  void view.model.ask<Hop[]>({ what: "origin", workflow_id: cause.workflow_id, task_id: cause.task_id, leaf: "amount" })
    .then((hops) => (view.model.origin = { hops, leaf: "amount" }));
}
if (asked.has("plan")) {
  const cause = data.failure!.chains[0]!.cause;
  void view.model.ask<Plan>({ what: "plan", workflow_id: cause.workflow_id, task_id: cause.task_id }).then((plan) => (view.model.plan = plan));
}
if (asked.has("live")) {
  let at = 40;
  let seq = 0;
  const timer = setInterval(() => {
    const events = whole.events.slice(at, at + 6);
    at += 6;
    const over = at >= whole.events.length;
    push({ seq: ++seq, events, status: over ? whole.status : "RUNNING", end_ms: over ? whole.end_ms : events[events.length - 1]!.wall_ms, failure: over ? whole.failure : undefined });
    if (over) clearInterval(timer);
  }, 100);
}
