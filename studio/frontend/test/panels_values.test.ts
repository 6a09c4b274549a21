import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogLine, TaskDetail, ViewEvent } from "../src/protocol";
import { create_model } from "../src/model";
import { event_tone, event_words, pick_events } from "../src/panels/event_words";
import { counts_line, percentile } from "../src/panels/inspector_group";
import { origin_of, plain_leaf } from "../src/panels/inspector_task";
import { type Folding, bytes, is_masked, json_rows, leaf_count, seconds, value_brief, value_line } from "../src/panels/json_value";
import { summary_of } from "../src/panels/live_summary";
import { pick_lines } from "../src/panels/log_list";
import { edits_of, fields_of, is_edited, parse_edit, replay_words } from "../src/panels/plan_edits";
import { is_within, leaf_iteration, short_path, trail } from "../src/panels/run_path";
import { failures_around, next_failure, subject_of } from "../src/panels/subject";
import { pick_tasks } from "../src/panels/task_list";
import { History, view_data } from "./builders";
import { order_flow } from "./order_flow";

const folding = (changes: Partial<Folding> = {}): Folding => ({ toggled: new Set(), open_depth: 2, page: 100, shown: new Map(), ...changes });

test("values show what they are on one line", () => {
  assert.equal(value_line("TEA-250"), '"TEA-250"');
  assert.equal(value_line(-12.5), "−12.5");
  assert.equal(value_line(null), "null");
  assert.equal(value_line({ a: 1, b: 2 }), "{2}");
  assert.equal(value_line([1, 2, 3]), "[3]");
  assert.equal(value_line("x".repeat(500)).length, 403);
  assert.equal(value_brief({ id: 17, lines: [1, 2, 3] }, 12), '{"id":17,"l…');
});

test("sizes and spans are short", () => {
  assert.deepEqual([214, 1234, 10_400, 3_400_000].map(bytes), ["214 B", "1.2 kB", "10 kB", "3.4 MB"]);
  assert.deepEqual([410, 0, 1520, 11_300].map(seconds), ["0.41 s", "0.00 s", "1.52 s", "11 s"]);
});

test("only bullets are a masked value", () => {
  assert.ok(is_masked("••••••••"));
  assert.ok(!is_masked("••• and more"));
  assert.ok(!is_masked(42));
});

test("a JSON tree opens down to its depth and folds where asked", () => {
  const value = { id: 1, line: { sku: "TEA", tags: ["a", "b"] }, empty: {} };
  const paths = (f: Folding): string[] => json_rows(value, f).map((row) => row.path);
  assert.deepEqual(paths(folding({ open_depth: 0 })), ["id", "line", "empty"]);
  assert.deepEqual(paths(folding({ open_depth: 1 })), ["id", "line", "line.sku", "line.tags", "empty"]);
  assert.deepEqual(paths(folding()), ["id", "line", "line.sku", "line.tags", "line.tags[0]", "line.tags[1]", "empty"]);
  assert.deepEqual(paths(folding({ toggled: new Set(["line"]) })), ["id", "line", "empty"]);
  const rows = json_rows(value, folding());
  assert.equal(rows[1]!.open, true);
  assert.equal(rows[6]!.open, null); // nothing inside
});

test("long lists come in pages, odd keys are quoted, a bare value is one row", () => {
  const rows = json_rows(Array.from({ length: 250 }, (_, i) => i), folding());
  assert.equal(rows.length, 101);
  assert.equal(rows[100]!.more, 150);
  assert.equal(json_rows({ "a b": 1 }, folding())[0]!.path, '["a b"]');
  assert.deepEqual(json_rows("hello", folding()).map((row) => [row.path, row.value]), [["", "hello"]]);
  assert.equal(leaf_count({ a: 1, b: { c: 2, d: [3, 4] } }), 4);
});

test("a leaf finds the origin that covers it", () => {
  const origins = [{ path: "line", expression: "${item}", source: "loop" }, { path: "items[0].price", expression: "${p}", source: "price" }];
  const detail = { origins } as unknown as TaskDetail;
  assert.equal(origin_of(detail, "line.sku"), "line");
  assert.equal(origin_of(detail, "items[0].price"), "items[0].price");
  assert.equal(origin_of(detail, "items[1].price"), null);
  assert.equal(origin_of(detail, "linear"), null);
  assert.equal(plain_leaf('input.items[0]["a b"]'), "items.0.a b");
});

test("edited fields are read by their kind, with a message a person understands", () => {
  assert.deepEqual(parse_edit("number", " −12.5 "), { ok: true, value: -12.5 });
  assert.deepEqual(parse_edit("number", "1e3"), { ok: true, value: 1000 });
  assert.match((parse_edit("number", "12,5") as { message: string }).message, /12\.5 with a point/);
  assert.match((parse_edit("number", "") as { message: string }).message, /missing/);
  assert.equal(parse_edit("number", "0x10").ok, false);
  assert.deepEqual(parse_edit("text", "12"), { ok: true, value: "12" });
  assert.deepEqual(parse_edit("boolean", "false"), { ok: true, value: false });
  assert.deepEqual(parse_edit("json", '{"a": [1]}'), { ok: true, value: { a: [1] } });
  const broken = parse_edit("json", '{\n  "sku": TEA }') as { message: string };
  assert.match(broken.message, /^Not valid JSON/);
  assert.match((parse_edit("json", " ") as { message: string }).message, /null for none/);
});

test("only what differs from the recording is an edit", () => {
  const fields = fields_of({ amount: -12.5, note: "x", paid: false, line: { sku: "TEA" }, token: "••••••••", none: null });
  assert.deepEqual(fields.map((field) => field.kind), ["number", "text", "boolean", "json", "text", "json"]);
  assert.deepEqual(edits_of(fields), { edits: {}, broken: [] });
  fields[0]!.text = "-12.50";
  assert.equal(is_edited(fields[0]!), false); // the same number
  fields[0]!.text = "12.5";
  fields[3]!.text = '{"sku":"COFFEE"}';
  fields[4]!.text = "guess"; // secret: never sent
  fields[5]!.text = "nul";
  assert.deepEqual(edits_of(fields), { edits: { amount: 12.5, line: { sku: "COFFEE" } }, broken: ["none"] });
  assert.equal(replay_words(6, 2), "Replay 6 tasks with 2 edits");
  assert.equal(replay_words(1, 0), "Replay 1 task");
});

test("run paths are read level by level", () => {
  const path = "order_flow/fulfil/line_items[37]/charge_card";
  assert.equal(trail(path), "fulfil ▸ line_items[37]");
  assert.equal(short_path(path), "fulfil ▸ line_items[37] ▸ charge_card");
  assert.equal(leaf_iteration("a/b[12]"), 12);
  assert.equal(leaf_iteration(path), null);
  assert.ok(is_within("a/b[12]/c", "a/b"));
  assert.ok(!is_within("a/bc", "a/b"));
});

test("the selection is an execution, a task, a loop or an iteration", () => {
  const vm = create_model(order_flow(), () => {});
  const kind = (path: string | null): string => {
    vm.select(path);
    return subject_of(vm).kind;
  };
  assert.equal(kind(null), "execution");
  assert.equal(kind("order_flow"), "execution");
  assert.equal(kind("order_flow/fulfil"), "sub");
  assert.equal(kind("order_flow/fulfil/line_items"), "loop");
  assert.equal(kind("order_flow/fulfil/line_items[3]"), "iteration");
  assert.equal(kind("order_flow/fulfil/line_items[37]/charge_card"), "task");
  const subject = subject_of(vm);
  assert.equal(subject.attempts.length, 3);
  assert.equal(subject.task!.attempt, 3);
  vm.seek(10);
  assert.equal(subject_of(vm).task, null);
  assert.equal(subject_of(vm).later!.attempt, 1);
});

test("failures are walked round the loop", () => {
  assert.equal(next_failure([4, 9, 30], 4, 1), 9);
  assert.equal(next_failure([4, 9, 30], 30, 1), 4);
  assert.equal(next_failure([4, 9, 30], 4, -1), 30);
  assert.equal(next_failure([], 4, 1), null);
  const vm = create_model(order_flow(), () => {});
  vm.select("order_flow/fulfil/line_items[3]/price");
  assert.deepEqual(failures_around(vm), { loop: "order_flow/fulfil/line_items", failed: [37], at: 3 });
});

test("iterations are counted in words", () => {
  const vm = create_model(order_flow(), () => {});
  const items = vm.now.loops.get("order_flow/fulfil/line_items")!.items;
  assert.match(counts_line(items, "iteration"), /^37 iterations · 36 ok · 1 failed · p95 /);
  assert.equal(percentile([5, 1, 4, 2, 3], 0.95), 5);
  assert.equal(percentile([7], 0.5), 7);
});

test("every event kind has words, unknown ones keep their name", () => {
  for (const event of order_flow().events) assert.ok(event_words(event).length > 2, event.kind);
  const event = { n: 1, workflow_id: "w", number: 1, kind: "SomethingNew", wall_ms: 0, actor: "engine" } satisfies ViewEvent;
  assert.equal(event_words(event), "SomethingNew");
  assert.equal(event_words({ ...event, kind: "TaskFailed", data: { status: "FAILED", error: { type: "ValueError", message: "no" } } }), "Failed, ValueError: no");
  assert.equal(event_tone({ ...event, kind: "WorkflowEnded", data: { status: "TERMINATED" } }), "stopped");
});

test("filters need every word", () => {
  const vm = create_model(order_flow(), () => {});
  assert.equal(pick_events(vm.events, "  "), null);
  const found = pick_events(vm.events, "taskfailed valueerror")!;
  assert.equal(found.length, 3);
  const tasks = pick_tasks(vm.now.tasks.values(), "charge_card valueerror", "duration", -1);
  assert.equal(tasks.length, 3);
  assert.equal(pick_tasks(vm.now.tasks.values(), "", "status", 1)[0]!.status, "COMPLETED");
  assert.equal(pick_tasks(vm.now.tasks.values(), "", null, 1)[0]!.ref, "validate_order");
  const lines: LogLine[] = [{ task_id: "a", ref: "price", wall_ms: 1, text: "rate is 1.4" }, { task_id: "b", ref: "charge", wall_ms: 2, text: "no rate" }];
  assert.equal(pick_lines(lines, "rate", null).length, 2);
  assert.equal(pick_lines(lines, "rate 1.4", null).length, 1);
  assert.equal(pick_lines(lines, "", "b").length, 1);
});

test("news of a live execution are said in one sentence", () => {
  const h = new History();
  h.start("flow");
  h.run("flow/a", 5);
  h.run("flow/b", 5);
  h.run("flow/charge_card", 5, {}, "TaskFailed", { status: "FAILED" });
  const vm = create_model(view_data([], h.events), () => {});
  assert.equal(summary_of(vm.events), "2 tasks finished, 1 failed: charge_card");
  assert.equal(summary_of([]), "");
});
