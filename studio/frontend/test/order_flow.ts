/** A history like the one people know from the design: 37 of 120 lines charged, then an error. */
import type { Answer, Ask, Hop, Plan, TaskDetail, ViewData } from "../src/protocol";
import { History, choice, fork, loop, sub, task, view_data } from "./builders";

const FULFIL = "fulfil-1";

function blocks() {
  return [
    task("order_flow/validate_order"),
    fork("order_flow/fork_checks", [
      [task("order_flow/fraud_check", { type: "HTTP", word: "HTTP" })], [task("order_flow/reserve_stock")],
      [task("order_flow/geo_tax", { type: "HTTP", word: "HTTP", optional: true })],
    ], "join_checks"),
    choice("order_flow/route_order", [
      { label: "auto", blocks: [sub("order_flow/fulfil", [loop("order_flow/fulfil/line_items", [
        task("order_flow/fulfil/line_items/discount"), task("order_flow/fulfil/line_items/price"),
        task("order_flow/fulfil/line_items/charge_card"), task("order_flow/fulfil/line_items/record_line"),
      ])])] },
      { label: "manual", blocks: [task("order_flow/approve_order", { type: "HUMAN", word: "Human" })] },
      { label: "", is_default: true, blocks: [task("order_flow/reject_order", { type: "TERMINATE", word: "Terminate" })] },
    ]),
    task("order_flow/parcel_sent", { type: "WAIT", word: "Wait for signal" }),
  ];
}

function history(): History {
  const h = new History();
  h.start("order_flow");
  h.wait(4).run("order_flow/validate_order", 84);
  const forked = h.schedule("order_flow/fork_checks", { task_type: "FORK_JOIN", status: "COMPLETED" });
  void forked;
  const fraud = h.schedule("order_flow/fraud_check", { task_type: "HTTP" });
  const stock = h.schedule("order_flow/reserve_stock");
  let tax = h.schedule("order_flow/geo_tax", { task_type: "HTTP", optional: true });
  const join = h.schedule("order_flow/join_checks", { task_type: "JOIN", status: "IN_PROGRESS" });
  h.wait(12).begin(fraud, "http");
  h.begin(stock, "w-2");
  h.begin(tax, "http");
  h.wait(212).end(stock);
  h.wait(988).end(fraud);
  for (const attempt of [1, 2, 3]) {
    h.wait(700).end(tax, "TaskFailed", { status: "FAILED", reason: "HTTP 504" });
    if (attempt === 3) break;
    tax = h.schedule("order_flow/geo_tax", { task_type: "HTTP", optional: true, retried_task_id: tax, not_before_ms: h.wall_ms + 2400 }, { attempt: attempt + 1 });
    h.wait(2400).begin(tax, "http");
  }
  h.end(join);
  const route = h.schedule("order_flow/route_order", { task_type: "SWITCH", status: "IN_PROGRESS" });
  h.of(route, "BranchChosen", { case: "auto", expression: "risk" });
  h.end(route);
  const fulfil = h.schedule("order_flow/fulfil", { task_type: "SUB_WORKFLOW" });
  h.of(fulfil, "SubWorkflowStarted", { sub_workflow_id: FULFIL, status: "IN_PROGRESS" });
  h.start("order_flow/fulfil", { parent_workflow_id: "w" }, FULFIL);
  const inside = { workflow_id: FULFIL };
  h.wait(167_000);
  const items = h.schedule("order_flow/fulfil/line_items", { task_type: "DO_WHILE", status: "IN_PROGRESS", iterations: 120 }, inside);
  let charge = "";
  for (let i = 1; i <= 37; i++) {
    h.of(items, "LoopIterated", { iteration: i });
    const place = `order_flow/fulfil/line_items[${i}]`;
    h.wait(20).run(`${place}/discount`, 31 + (i % 5), {}, "TaskCompleted", {}, inside);
    h.run(`${place}/price`, 58 + (i % 7) * 3, {}, "TaskCompleted", {}, inside);
    charge = h.schedule(`${place}/charge_card`, {}, inside);
    h.wait(30).begin(charge, "w-3");
    if (i === 37) break;
    h.wait(900 + ((i * 37) % 11) * 60).end(charge);
    h.run(`${place}/record_line`, 40, {}, "TaskCompleted", {}, inside);
  }
  const error = { status: "FAILED", reason: "amount is negative", error: { type: "ValueError", message: "amount is negative" } };
  for (const attempt of [1, 2, 3]) {
    h.wait(410).end(charge, "TaskFailed", error);
    if (attempt === 3) break;
    charge = h.schedule("order_flow/fulfil/line_items[37]/charge_card", { retried_task_id: charge, not_before_ms: h.wall_ms + 5000 }, { ...inside, attempt: attempt + 1 });
    h.wait(5040).begin(charge, attempt === 1 ? "w-1" : "w-3");
  }
  h.end(items, "TaskFailed", { status: "FAILED", reason: "charge_card failed" });
  h.add("WorkflowEnded", { workflow_id: FULFIL, path: "order_flow/fulfil", data: { status: "FAILED", reason: "amount is negative" } });
  h.end(fulfil, "TaskFailed", { status: "FAILED", reason: "amount is negative" });
  h.wait(60).add("WorkflowEnded", { path: "order_flow", data: { status: "FAILED", reason: "amount is negative" } });
  return h;
}

/** The opened execution, failed at charge_card of line 37. */
export function order_flow(): ViewData {
  const h = history();
  const path = "order_flow/fulfil/line_items[37]/charge_card";
  const cause = [...h.events].reverse().find((e) => e.path === path && e.kind === "TaskFailed")!;
  const frames = [{ file: "shop/payments.py", line: 87, function: "charge_card", source: [
    [86, "if amount < 0:"], [87, '    raise ValueError("amount is negative")'], [88, "return gateway.charge(card, amount, currency)"],
  ] as [number, string][] }];
  return view_data(blocks(), h.events, {
    workflow_id: "w", name: "order_flow", version: 7, status: "FAILED", start_ms: h.events[0]!.wall_ms, end_ms: h.wall_ms, input_line: 'coupon = "SPRING140"',
    capabilities: ["branch", "retry", "pause", "terminate", "origin", "logs"],
    branches: [
      { workflow_id: "w", status: "FAILED", original: true, current: true },
      { workflow_id: "a81d04e7", status: "COMPLETED", from: "discount", edits: 1, original: false, current: false },
      { workflow_id: "c20be9f3", status: "RUNNING", from: "price", original: false, current: false },
    ],
    failure: { independent: 0, chains: [{
      chips: [
        { label: "order_flow", path: "order_flow", kind: "workflow" },
        { label: "fulfil", note: "sub-workflow", path: "order_flow/fulfil", kind: "task" },
        { label: "iteration 37", note: "of 120", path: "order_flow/fulfil/line_items[37]", kind: "iteration" },
        { label: "charge_card", note: "attempt 3 of 3", path, task_id: cause.task_id, kind: "task" },
        { label: "ValueError: amount is negative", path, task_id: cause.task_id, kind: "error" },
      ],
      cause: {
        path, task_id: cause.task_id!, workflow_id: FULFIL, attempt: 3, attempts: 3, status: "FAILED", type: "ValueError", message: "amount is negative",
        frames, worker_id: "w-3", seconds: 0.41, event_n: cause.n,
      },
      consequences: [
        { path: "order_flow/fulfil/line_items", what: "Failed because of this task" }, { path: "order_flow/fulfil", what: "Failed because of this task" },
        { path: "order_flow/fulfil/line_items[37]/record_line", what: "Never scheduled" }, { path: "order_flow/parcel_sent", what: "Never scheduled" },
      ],
      fingerprint: "1f", same_error_count: 11,
    }] },
  });
}

const LINE = "order_flow/fulfil/line_items[37]";

/** Answers of a back end that knows this one execution. */
export function answer(data: ViewData, ask: Ask): Answer {
  switch (ask.what) {
    case "task": return { id: ask.id, value: detail(data, ask.task_id) };
    case "origin": return { id: ask.id, value: hops() };
    case "plan": return { id: ask.id, value: plan(ask.task_id) };
    case "events": return { id: ask.id, value: data.events.slice(ask.after, ask.after + ask.limit) };
    case "event": return { id: ask.id, value: data.events.find((e) => e.workflow_id === ask.workflow_id && e.number === ask.number) };
    case "logs": return { id: ask.id, value: [{ task_id: "x", ref: "charge_card", wall_ms: data.end_ms - 700, text: "charging -12.50 EUR" }] };
    case "definition": return { id: ask.id, value: { name: data.name, version: data.version, tasks: [] } };
    case "execution": return { id: ask.id, value: { workflowId: data.workflow_id, status: data.status } };
    case "branch": return { id: ask.id, value: { workflow_id: "new" } };
    default: return { id: ask.id, value: null };
  }
}

function hops(): Hop[] {
  return [
    { path: `${LINE}/charge_card`, what: "charge_card input.amount", expression: "${price.output.total}", value: -12.5 },
    { path: `${LINE}/price`, what: "price returned total, 31.25 × (1 − rate)", expression: "${discount.output.rate}", value: -12.5 },
    { path: `${LINE}/discount`, what: "discount returned rate, expected 0 to 1", expression: "${workflow.input.coupon}", value: 1.4 },
    { path: "order_flow", what: "start input, coupon", value: "SPRING140" },
  ];
}

function plan(task_id: string): Plan {
  return {
    workflow_id: FULFIL, task_id, path: `${LINE}/charge_card`,
    reused: ["order_flow/validate_order", "order_flow/fraud_check", "order_flow/reserve_stock", "order_flow/geo_tax", "order_flow/route_order", `${LINE}/discount`, `${LINE}/price`],
    will_run: ["order_flow/fulfil", "order_flow/fulfil/line_items", `${LINE}/record_line`, "order_flow/parcel_sent"], side_effects: [`${LINE}/charge_card`],
    not_affected: ["order_flow/approve_order", "order_flow/reject_order"], sentence: "Reuse 150 outputs, run 6 tasks, new execution.", input: { amount: -12.5, currency: "EUR" },
  };
}

function detail(data: ViewData, task_id: string): TaskDetail {
  const events = data.events.filter((e) => e.task_id === task_id);
  const first = events[0]!;
  const of_path = data.events.filter((e) => e.path === first.path && e.kind === "TaskScheduled");
  const is_cause = data.failure?.chains[0]?.cause.path === first.path;
  const ended = (id: string) => [...data.events].reverse().find((e) => e.task_id === id)!;
  const status = (is_cause ? "FAILED" : "COMPLETED") as "FAILED" | "COMPLETED";
  return {
    task_id, workflow_id: first.workflow_id, path: first.path!, ref: first.ref!, name: first.path!.split("/").pop()!, type: "SIMPLE", word: "Worker", status,
    attempt: first.attempt!, worker_id: "w-3", reason: is_cause ? "amount is negative" : null, scheduled_ms: first.wall_ms, start_ms: first.wall_ms + 30,
    end_ms: ended(task_id).wall_ms,
    input: { order_id: "ord_88213", line: { sku: "TEA-250", quantity: 3 }, amount: -12.5, currency: "EUR", card_token: "••••••••" },
    output: is_cause ? {} : { total: -12.5 }, input_bytes: 214, output_bytes: 2,
    origins: [{ path: "amount", expression: "${price.output.total}", source: "price" }],
    error: is_cause ? { type: "ValueError", message: "amount is negative", frames: data.failure!.chains[0]!.cause.frames } : null,
    attempts: of_path.map((e) => ({
      task_id: e.task_id!, attempt: e.attempt!, status, start_ms: e.wall_ms + 30, end_ms: ended(e.task_id!).wall_ms, worker_id: e.attempt === 2 ? "w-1" : "w-3",
      error: is_cause ? "amount is negative" : null,
    })),
    retry_note: "retry limit 2, fixed back-off 5 s", workflow_task: { name: "charge_card", taskReferenceName: "charge_card", type: "SIMPLE" },
  };
}
