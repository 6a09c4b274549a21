import assert from "node:assert/strict";
import { test } from "node:test";
import { create_model } from "../src/model";
import type { Folded } from "../src/viewmodel";
import { History, loop, sub, task, view_data } from "./builders";

/** A state as plain text, to compare two ways to the same event. */
function text_of(state: Folded): string {
  return JSON.stringify([
    [...state.status].sort(), [...state.tasks].sort(), [...state.by_path].sort(), [...state.by_place].sort(),
    [...state.loops].map(([path, l]) => [path, l.failed, l.items.map(({ start_ms: _s, end_ms: _e, ...counts }) => counts)]).sort(),
  ]);
}

function looped(iterations: number, fail_at = 0): History {
  const h = new History();
  h.start("flow");
  const loop_id = h.schedule("flow/items", { task_type: "DO_WHILE", status: "IN_PROGRESS" });
  for (let i = 1; i <= iterations; i++) {
    h.of(loop_id, "LoopIterated", { iteration: i });
    h.run(`flow/items[${i}]/price`, 20);
    const bad = i === fail_at;
    h.run(`flow/items[${i}]/charge`, 30, {}, bad ? "TaskFailed" : "TaskCompleted", bad ? { status: "FAILED", reason: "no" } : {});
  }
  return h;
}
const blocks = [loop("flow/items", [task("flow/items/price"), task("flow/items/charge")]), task("flow/after")];

test("a task goes from waiting over running to success", () => {
  const h = new History();
  h.start("flow");
  h.run("flow/a", 50);
  const vm = create_model(view_data([task("flow/a")], h.events), () => {});
  assert.equal(vm.family("flow/a"), "success");
  vm.seek(2);
  assert.equal(vm.family("flow/a"), "waiting");
  vm.seek(3);
  assert.equal(vm.family("flow/a"), "running");
  vm.seek(1);
  assert.equal(vm.family("flow/a"), "none");
  assert.equal(vm.following, false);
  vm.follow();
  assert.equal(vm.cursor, 4);
});

test("any two ways to an event lead to the same state", () => {
  const h = looped(6, 6);
  const events = h.events;
  const walker = create_model(view_data(blocks, events), () => {});
  for (const n of [3, events.length, 0, 17, 16, 15, 22, 2, 9]) {
    walker.seek(n);
    const fresh = create_model(view_data(blocks, events.slice(0, n)), () => {});
    assert.equal(text_of(walker.now), text_of(fresh.now), `event ${n}`);
  }
});

test("a retry keeps the attempts of one path together and the newest one counts", () => {
  const h = new History();
  h.start("flow");
  const first = h.run("flow/a", 10, {}, "TaskFailed", { status: "FAILED", error: { type: "ValueError", message: "bad" } });
  const second = h.schedule("flow/a", { retried_task_id: first }, { attempt: 2 });
  const vm = create_model(view_data([task("flow/a")], h.events), () => {});
  assert.deepEqual(vm.now.by_path.get("flow/a"), [first, second]);
  assert.equal(vm.now.tasks.get(first)!.retried, true);
  assert.equal(vm.family("flow/a"), "waiting");
  assert.equal(vm.task("flow/a")!.attempt, 2);
  vm.seek(vm.cursor - 1);
  assert.equal(vm.now.tasks.get(first)!.retried, false);
  assert.equal(vm.family("flow/a"), "failure");
});

test("the failed iteration is drawn until a person asks for another", () => {
  const vm = create_model(view_data(blocks, looped(5, 3).events), () => {});
  assert.equal(vm.drawn("flow/items/charge"), "flow/items[3]/charge");
  assert.deepEqual(vm.now.loops.get("flow/items")!.failed, [3]);
  vm.show_iteration("flow/items", 2);
  assert.equal(vm.drawn("flow/items/charge"), "flow/items[2]/charge");
  vm.select("flow/items[4]/price");
  assert.equal(vm.drawn_iteration("flow/items"), 4);
  assert.equal(vm.drawn("flow/after"), "flow/after");
});

test("a nested loop inside a sub-workflow is drawn in the iteration of each level", () => {
  const h = new History();
  h.start("flow");
  h.schedule("flow/outer", { task_type: "DO_WHILE", status: "IN_PROGRESS" });
  for (const i of [1, 2]) {
    const child = `c${i}`;
    h.schedule(`flow/outer[${i}]/ship`, { task_type: "SUB_WORKFLOW", status: "IN_PROGRESS", sub_workflow_id: child });
    h.start(`flow/outer[${i}]/ship`, { parent_workflow_id: "w" }, child);
    h.schedule(`flow/outer[${i}]/ship/inner`, { task_type: "DO_WHILE", status: "IN_PROGRESS" }, { workflow_id: child });
    for (let k = 1; k <= i + 1; k++) h.run(`flow/outer[${i}]/ship/inner[${k}]/x`, 5, {}, "TaskCompleted", {}, { workflow_id: child });
  }
  const tree = [loop("flow/outer", [sub("flow/outer/ship", [loop("flow/outer/ship/inner", [task("flow/outer/ship/inner/x")])])])];
  const vm = create_model(view_data(tree, h.events), () => {});
  assert.equal(vm.drawn("flow/outer/ship/inner/x"), "flow/outer[2]/ship/inner[3]/x");
  vm.show_iteration("flow/outer", 1);
  assert.equal(vm.drawn("flow/outer/ship/inner/x"), "flow/outer[1]/ship/inner[2]/x");
  assert.equal(vm.now.loops.get("flow/outer")!.items.length, 2);
});

test("a newer sub-workflow execution takes the place of the older one, and gives it back", () => {
  const h = new History();
  h.start("flow");
  const first = h.schedule("flow/s", { task_type: "SUB_WORKFLOW", status: "IN_PROGRESS" });
  h.start("flow/s", { parent_workflow_id: "w" }, "c1");
  h.run("flow/s/a", 5, {}, "TaskCompleted", {}, { workflow_id: "c1" });
  h.run("flow/s/b", 5, {}, "TaskFailed", { status: "FAILED" }, { workflow_id: "c1" });
  h.end(first, "TaskFailed", { status: "FAILED" });
  const before = h.events.length;
  h.schedule("flow/s", { task_type: "SUB_WORKFLOW", status: "IN_PROGRESS", retried_task_id: first }, { attempt: 2 });
  h.start("flow/s", { parent_workflow_id: "w" }, "c2");
  const vm = create_model(view_data([sub("flow/s", [task("flow/s/a"), task("flow/s/b")])], h.events), () => {});
  assert.equal(vm.family("flow/s/b"), "none");
  vm.seek(before);
  assert.equal(vm.family("flow/s/b"), "failure");
});

test("tasks of a dynamic fork are its members and its strip", () => {
  const h = new History();
  h.start("flow");
  h.run("flow/fan", 0, { task_type: "FORK_JOIN_DYNAMIC", status: "COMPLETED" });
  const ids = [1, 2, 3].map((i) => h.schedule(`flow/pack_${i}`));
  h.schedule("flow/join", { task_type: "JOIN", status: "IN_PROGRESS" });
  h.end(ids[1]!, "TaskFailed", { status: "FAILED" });
  const vm = create_model(view_data([task("flow/fan", { kind: "fork", type: "FORK_JOIN_DYNAMIC" }), task("flow/join")], h.events), () => {});
  assert.deepEqual(vm.now.members.get("flow/fan"), ["flow/pack_1", "flow/pack_2", "flow/pack_3"]);
  assert.deepEqual(vm.now.loops.get("flow/fan")!.failed, [2]);
});

test("an optional failure warns, a reused task says so, a paused one is held", () => {
  const h = new History();
  h.start("flow");
  h.run("flow/a", 5, { optional: true }, "TaskFailed", { status: "FAILED" });
  h.add("TaskReused", { task_id: "r", path: "flow/b", ref: "b", data: { status: "COMPLETED", task_type: "SIMPLE" } });
  h.schedule("flow/c");
  h.add("WorkflowPaused");
  const vm = create_model(view_data(["a", "b", "c"].map((r) => task(`flow/${r}`)), h.events), () => {});
  assert.deepEqual(["a", "b", "c"].map((r) => vm.family(`flow/${r}`)), ["warning", "reused", "held"]);
});

test("news move the view only while it follows", () => {
  const h = looped(2);
  const vm = create_model(view_data(blocks, h.events.slice(0, 6)), () => {});
  const heard: string[] = [];
  vm.on("events", () => heard.push("events"));
  vm.on("cursor", () => heard.push("cursor"));
  vm.patch({ seq: 1, events: h.events.slice(6, 8), status: "RUNNING", end_ms: 0 });
  assert.equal(vm.cursor, 8);
  assert.deepEqual(heard, ["events", "cursor"]);
  vm.seek(3);
  vm.patch({ seq: 2, events: h.events.slice(6), status: "RUNNING", end_ms: 0 });
  assert.equal(vm.cursor, 3);
  assert.equal(vm.events.length, h.events.length);
  assert.equal(vm.head.n, h.events.length);
});

test("steps go by event, by task and by failure", () => {
  const vm = create_model(view_data(blocks, looped(4, 2).events), () => {});
  vm.seek(0);
  vm.step("task", 1);
  assert.equal(vm.events[vm.cursor - 1]!.kind, "TaskCompleted");
  vm.step("failure", 1);
  assert.equal(vm.events[vm.cursor - 1]!.kind, "TaskFailed");
  const at = vm.cursor;
  vm.step("failure", 1);
  assert.equal(vm.cursor, at);
  vm.step("event", -1);
  assert.equal(vm.cursor, at - 1);
});

test("questions are answered by id, errors reject", async () => {
  const sent: number[] = [];
  const vm = create_model(view_data([], []), (ask) => sent.push(ask.id));
  const good = vm.ask<string>({ what: "definition" });
  const bad = vm.ask({ what: "execution" });
  vm.answered({ id: sent[1]!, error: "gone" });
  vm.answered({ id: sent[0]!, value: "here" });
  assert.equal(await good, "here");
  await assert.rejects(bad, /gone/);
});

test("the cursor crosses 100,000 events within a frame or two", () => {
  const h = looped(14300);
  const vm = create_model(view_data(blocks, h.events), () => {});
  assert.ok(h.events.length > 100_000);
  vm.seek(0);
  vm.seek(h.events.length);
  const seeks = [[0, 1], [0.5, 2], [1, 3], [0.25, 4], [0.99, 5], [0.01, 6]].map(([share]) => {
    const from = performance.now();
    vm.seek(Math.round(share! * h.events.length));
    return performance.now() - from;
  });
  const far = seeks.slice(0, 1).concat(seeks[4]!, seeks[5]!);
  console.log(`seeks over 100,000 events: ${seeks.map((ms) => ms.toFixed(1)).join(", ")} ms`);
  assert.ok(Math.min(...far) < 250, "the best of three long ways, far above what an idle machine takes");
});
