import assert from "node:assert/strict";
import { test } from "node:test";
import { create_model } from "../src/model";
import { critical_path } from "../src/panels/critical_path";
import { type TimelineRow, activity, build_timeline, event_at, segments_of } from "../src/panels/timeline";
import { EDGE_PX, TimeScale, idle_gaps, round_step, union } from "../src/panels/time_scale";
import type { Model } from "../src/model";
import { History, fork, loop, sub, task, view_data } from "./builders";
import { order_flow } from "./order_flow";

function rows_of(vm: Model, opened: Record<string, boolean> = {}, selected: string | null = null): { rows: TimelineRow[]; row_of(path: string): number } {
  return build_timeline({
    blocks: vm.data.blocks, root: vm.data.name, folded: vm.head, events: vm.events, start_ms: vm.data.start_ms, now_ms: vm.data.end_ms,
    is_open: (path, by_default) => opened[path] ?? by_default, iteration: (place) => vm.drawn_iteration(place), selected,
  });
}
function outline(rows: TimelineRow[]): string[] {
  return rows.map((row) => `${"  ".repeat(row.depth)}${row.label}${row.open === null ? "" : row.open ? " ▾" : " ▸"}`);
}

test("rows stand in the order of the graph, what failed is open, what went well is closed", () => {
  const vm = create_model(order_flow(), () => {});
  assert.deepEqual(outline(rows_of(vm).rows), [
    "validate_order", "fork_checks ▸", "route_order", "fulfil ▾", "  line_items ▾", "    discount", "    price", "    charge_card", "    record_line", "parcel_sent",
  ]);
});

test("a fork that is opened shows its members one level deeper", () => {
  const vm = create_model(order_flow(), () => {});
  const { rows } = rows_of(vm, { "order_flow/fork_checks": true, "order_flow/fulfil": false });
  assert.deepEqual(outline(rows), [
    "validate_order", "fork_checks ▾", "  fraud_check", "  reserve_stock", "  geo_tax", "route_order", "fulfil ▸", "parcel_sent",
  ]);
});

test("a closed fork lays its members' bars over each other and stands for them", () => {
  const vm = create_model(order_flow(), () => {});
  const timeline = rows_of(vm);
  const row = timeline.rows[1]!;
  assert.equal(row.segments.filter((s) => s.kind === "run").length, 5); // three attempts and the two others
  assert.equal(row.segments.filter((s) => s.kind === "backoff").length, 2);
  assert.equal(timeline.row_of("order_flow/geo_tax"), 1);
});

test("tasks of hidden iterations belong to the row of their loop", () => {
  const vm = create_model(order_flow(), () => {});
  const timeline = rows_of(vm);
  assert.equal(timeline.rows[timeline.row_of("order_flow/fulfil/line_items[3]/price")]!.label, "line_items");
  assert.equal(timeline.rows[timeline.row_of("order_flow/fulfil/line_items[37]/price")]!.label, "price");
  assert.equal(timeline.row_of("elsewhere/x"), -1);
});

test("a loop is one row with a column for each iteration", () => {
  const vm = create_model(order_flow(), () => {});
  const row = rows_of(vm).rows[4]!;
  assert.equal(row.columns!.length, 37);
  assert.equal(row.columns![36]!.family, "failure");
  assert.ok(row.columns!.every((column, i) => column.to > column.from && (i === 0 || column.from >= row.columns![i - 1]!.from)));
});

test("attempts are separate bars with the back-off between them, said in words", () => {
  const vm = create_model(order_flow(), () => {});
  const row = rows_of(vm).rows[7]!;
  assert.equal(row.note, "3 attempts, 2 back-offs of 5 s");
  assert.deepEqual(row.segments.map((s) => s.kind), ["wait", "unpolled", "run", "backoff", "unpolled", "run", "backoff", "unpolled", "run"]);
  const backoff = row.segments.filter((s) => s.kind === "backoff");
  assert.deepEqual(backoff.map((s) => s.to - s.from), [5000, 5000]);
});

test("what never ran says so", () => {
  const vm = create_model(order_flow(), () => {});
  const rows = rows_of(vm).rows;
  assert.equal(rows[8]!.note, "never scheduled");
  assert.equal(rows[9]!.segments.length, 0);
});

test("a task that nobody polled is dotted until now, one that runs grows until now", () => {
  const h = new History();
  h.start("flow");
  const a = h.schedule("flow/a");
  const b = h.schedule("flow/b");
  h.wait(100).begin(b);
  const vm = create_model(view_data([task("flow/a"), task("flow/b")], h.events), () => {});
  const now = h.wall_ms + 400;
  const of = (id: string): unknown => segments_of([vm.head.tasks.get(id)!], vm.events, now).map((s) => [s.kind, s.to - s.from]);
  assert.deepEqual(of(a), [["unpolled", 500]]);
  assert.deepEqual(of(b), [["unpolled", 100], ["run", 400]]);
});

test("members of a dynamic fork become rows of their own", () => {
  const h = new History();
  h.start("flow");
  h.schedule("flow/many", { task_type: "FORK_JOIN_DYNAMIC", status: "COMPLETED" });
  for (let i = 0; i < 5; i++) h.run(`flow/part_${i}`, 10);
  const block = { ...fork("flow/many", []), type: "FORK_JOIN_DYNAMIC", branches: undefined };
  const vm = create_model(view_data([block, task("flow/last")], h.events, { end_ms: h.wall_ms, status: "COMPLETED" }), () => {});
  const closed = rows_of(vm);
  assert.deepEqual(outline(closed.rows), ["many ▸", "last"]);
  assert.equal(closed.rows[0]!.note, "5 branches");
  assert.equal(closed.row_of("flow/part_3"), 0);
  assert.equal(rows_of(vm, { "flow/many": true }).rows.length, 7);
});

test("waiting for people and for children is idle time, working and backing off is not", () => {
  const h = new History();
  h.start("flow");
  h.run("flow/a", 1000);
  const human = h.schedule("flow/ask", { task_type: "HUMAN", status: "IN_PROGRESS" });
  h.wait(60_000).end(human);
  h.run("flow/b", 1000);
  const vm = create_model(view_data([], h.events, { end_ms: h.wall_ms }), () => {});
  const gaps = idle_gaps(activity(vm.head, vm.events, h.wall_ms), vm.data.start_ms, h.wall_ms);
  assert.equal(gaps.length, 1);
  assert.ok(Math.abs(gaps[0]!.to - gaps[0]!.from - 60_000) < 200);
});

test("the long wait of the example is folded and nothing else", () => {
  const vm = create_model(order_flow(), () => {});
  const gaps = idle_gaps(activity(vm.head, vm.events, vm.data.end_ms), vm.data.start_ms, vm.data.end_ms);
  assert.equal(gaps.length, 1);
  assert.ok(gaps[0]!.to - gaps[0]!.from > 160_000);
});

test("spans that touch are joined", () => {
  assert.deepEqual(union([{ from: 5, to: 9 }, { from: 0, to: 2 }, { from: 2, to: 3 }, { from: 8, to: 12 }]), [{ from: 0, to: 3 }, { from: 5, to: 12 }]);
});

test("a scale maps moments to pixels and back, folded gaps included", () => {
  const scale = new TimeScale(0, 10_000, [{ from: 2000, to: 9000 }], 600);
  assert.equal(scale.x(0), EDGE_PX);
  assert.equal(scale.x(10_000), 600 - EDGE_PX);
  const [fold] = scale.folds;
  assert.equal(Math.round(fold!.x1 - fold!.x0), 92);
  let before = -1;
  for (let t = 0; t <= 10_000; t += 250) {
    const x = scale.x(t);
    assert.ok(x > before, `x grows at ${t}`);
    assert.ok(Math.abs(scale.t(x) - t) < 0.01, `back to ${t}`);
    before = x;
  }
});

test("many folds share the width, moments outside stick to the edges", () => {
  const folds = Array.from({ length: 40 }, (_, i) => ({ from: i * 100 + 10, to: i * 100 + 90 }));
  const scale = new TimeScale(0, 4000, folds, 500);
  assert.ok(scale.folds.every((fold) => fold.x1 - fold.x0 <= 5));
  assert.equal(scale.x(-5), scale.x(0));
  assert.equal(Math.round(scale.x(9000)), 500 - EDGE_PX);
});

test("an execution of no length has a scale too", () => {
  const scale = new TimeScale(7, 7, [], 300);
  assert.equal(scale.x(7), EDGE_PX);
  assert.ok(scale.ticks(80).length <= 1);
  assert.deepEqual(idle_gaps([], 7, 7), []);
});

test("ticks are round steps that do not crowd", () => {
  assert.equal(round_step(13), 20);
  assert.equal(round_step(4000), 5000);
  const ticks = new TimeScale(0, 60_000, [], 800).ticks(84);
  assert.ok(ticks.length >= 5 && ticks.length <= 10);
  assert.ok(ticks.every((tick, i) => i === 0 || tick.x - ticks[i - 1]!.x >= 84));
});

test("the critical path walks causal parents across executions", () => {
  const h = new History();
  h.start("flow");
  const call = h.schedule("flow/child", { task_type: "SUB_WORKFLOW" }, { parent: 1 });
  h.start("flow/child", { parent_workflow_id: "w", cause: { workflow_id: "w", number: 2 } }, "c");
  h.wait(10).add("TaskScheduled", { workflow_id: "c", path: "flow/child/a", task_id: "a", parent: 1, data: {} });
  h.wait(90).add("TaskCompleted", { workflow_id: "c", path: "flow/child/a", task_id: "a", parent: 2 });
  h.wait(5).add("WorkflowEnded", { workflow_id: "c", path: "flow/child", parent: 3, data: { status: "COMPLETED" } });
  h.wait(1).add("TaskCompleted", { task_id: call, path: "flow/child", parent: 2, data: { cause: { workflow_id: "c", number: 4 } } });
  h.wait(1).add("WorkflowEnded", { path: "flow", parent: 3, data: { status: "COMPLETED" } });
  const chain = critical_path(h.events, "w");
  assert.deepEqual(chain.map((s) => [s.path, s.to - s.from]), [["flow/child/a", 10], ["flow/child/a", 90], ["flow/child", 5], ["flow/child", 1], ["flow", 1]]);
});

test("a chain that bites its tail ends", () => {
  const h = new History();
  h.add("A", { parent: 2 });
  h.wait(5).add("B", { parent: 1 });
  assert.equal(critical_path(h.events, "w").length, 1);
});

test("a moment finds the last event that is not after it", () => {
  const events = order_flow().events;
  assert.equal(event_at(events, events[0]!.wall_ms - 1), 0);
  assert.equal(event_at(events, events[events.length - 1]!.wall_ms), events.length);
  const n = event_at(events, events[40]!.wall_ms);
  assert.ok(events[n - 1]!.wall_ms <= events[40]!.wall_ms && events[n]!.wall_ms > events[40]!.wall_ms);
});

test("a loop of ten thousand iterations becomes rows in a moment", () => {
  const h = new History();
  h.start("flow");
  h.schedule("flow/items", { task_type: "DO_WHILE", status: "IN_PROGRESS" });
  for (let i = 1; i <= 10_000; i++) h.run(`flow/items[${i}]/a`, 5);
  const vm = create_model(view_data([loop("flow/items", [task("flow/items/a")]), sub("flow/s")], h.events, { end_ms: h.wall_ms }), () => {});
  const start = performance.now();
  const { rows } = rows_of(vm);
  activity(vm.head, vm.events, h.wall_ms);
  assert.ok(performance.now() - start < 400);
  assert.equal(rows[0]!.columns!.length, 10_000);
});
