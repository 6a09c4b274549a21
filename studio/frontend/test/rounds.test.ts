import assert from "node:assert/strict";
import { test } from "node:test";
import type { TaskDetail } from "../src/protocol";
import { execution_status, task_count } from "../src/execution_look";
import { create_model, type Model } from "../src/model";
import { tally_line } from "../src/panels/inspector_execution";
import { by_relevance } from "../src/panels/inspector_task";
import { attempt_words, by_hand_words, ended_spans, rounds_of } from "../src/panels/rounds";
import { build_timeline, segments_of } from "../src/panels/timeline";
import { History, sub, task, view_data } from "./builders";

const ERROR = { error: { type: "E", message: "no" } };

/** `flow/s/a` fails twice, a second apart; five minutes later the execution is retried and `s` begins a new execution. */
function retried(): Model {
  const h = new History(Date.UTC(2026, 2, 14, 7, 8, 0));
  h.start("flow");
  let owner = "";
  const inside = (workflow_id: string, owner_data: Record<string, unknown>): void => {
    owner = h.schedule("flow/s", { task_type: "SUB_WORKFLOW", ...owner_data });
    h.of(owner, "SubWorkflowStarted", { sub_workflow_id: workflow_id });
    h.start("flow/s", {}, workflow_id);
    h.run("flow/s/first", 10, {}, "TaskCompleted", {}, { workflow_id });
    const one = h.run("flow/s/a", 10, {}, "TaskFailed", ERROR, { workflow_id });
    h.schedule("flow/s/a", { retried_task_id: one, not_before_ms: h.wall_ms + 1000 }, { workflow_id, attempt: 2 });
    h.wait(1000).begin("t" + String(Number(one.slice(1)) + 1));
    h.wait(10).end("t" + String(Number(one.slice(1)) + 1), "TaskFailed", ERROR);
    h.end(owner, "TaskFailed");
    h.add("WorkflowEnded", { data: { status: "FAILED" } });
  };
  inside("c1", {});
  h.wait(300_000).add("WorkflowRetried", { actor: "user" });
  inside("c2", { by_operator: true, retried_task_id: owner });
  const inner = [task("flow/s/first"), task("flow/s/a")];
  return create_model(view_data([sub("flow/s", inner)], h.events, { status: "FAILED", end_ms: h.wall_ms }), () => {});
}

const views = (vm: Model, path: string) => vm.now.by_path.get(path)!.map((id) => vm.now.tasks.get(id)!);

test("an operator's retry begins a new round, within which the engine's numbers count", () => {
  const vm = retried();
  const attempts = views(vm, "flow/s/a");
  assert.deepEqual(attempts.map((one) => attempt_words(one, attempts)), ["attempt 1 of 2", "attempt 2 of 2", "attempt 1 of 2", "attempt 2 of 2"]);
  const rounds = rounds_of(attempts, vm.now);
  assert.deepEqual(rounds.map((round) => [round.attempts.length, round.by_hand]), [[2, false], [2, true]]);
  assert.equal(by_hand_words(rounds), "retried by hand at 07:13");
  assert.equal(by_hand_words(rounds, attempts[0]!), "");
  assert.deepEqual(rounds_of(views(vm, "flow/s/first"), vm.now).map((round) => round.by_hand), [false, true]);
});

test("only the engine's own waits are back-offs, and an ended execution does not take time", () => {
  const vm = retried();
  const waits = segments_of(views(vm, "flow/s/a"), vm.events, vm.data.end_ms).filter((s) => s.kind === "backoff");
  assert.deepEqual(waits.map((s) => s.to - s.from), [1000, 1000]);
  assert.deepEqual(segments_of(views(vm, "flow/s/first"), vm.events, vm.data.end_ms).filter((s) => s.kind === "backoff"), []);
  assert.deepEqual(ended_spans(vm.events, "w").map((gap) => [gap.to - gap.from, gap.word]), [[300_000, "retried"]]);
  const { rows } = build_timeline({
    blocks: vm.data.blocks, root: "flow", folded: vm.head, events: vm.events, start_ms: vm.data.start_ms, now_ms: vm.data.end_ms,
    is_open: () => true, iteration: () => 0, selected: null,
  });
  assert.deepEqual(rows.map((row) => row.note), ["", "retried by hand at 07:13", "2 + 2 attempts, 2 back-offs of 1 s, retried by hand at 07:13"]);
  assert.ok(rows.every((row) => row.took < 5000), String(rows.map((row) => row.took)));
});

test("tasks are counted once, their attempts beside them", () => {
  const vm = retried();
  assert.equal(task_count(vm.now), 3);
  assert.equal(tally_line(vm), "3: 1 completed · 2 failed; 8 attempts");
});

test("an execution that completed over a failed optional task is called so everywhere", () => {
  const h = new History();
  h.start("flow");
  h.run("flow/a", 10, { optional: true }, "TaskCompleted", { status: "COMPLETED_WITH_ERRORS" });
  h.add("WorkflowEnded", { data: { status: "COMPLETED" } });
  const vm = create_model(view_data([task("flow/a")], h.events, { status: "COMPLETED", end_ms: h.wall_ms }), () => {});
  assert.equal(execution_status(vm), "COMPLETED_WITH_ERRORS");
});

test("what the error or its line names is the first value whose origin is offered", () => {
  const origins = ["order_id", "line", "amount", "currency"].map((path) => ({ path, expression: "", source: "" }));
  const first = (error: unknown, reason: string | null = null): string => by_relevance({ origins, error, reason } as TaskDetail)[0]!.path;
  assert.equal(first({ type: "ValueError", message: "amount is negative", frames: [] }), "amount");
  assert.equal(first({ type: "KeyError", message: "'x'", frames: [{ file: "f", line: 2, function: "g", source: [[1, "amount"], [2, "return rates[currency]"]] }] }), "currency");
  assert.equal(first(null, "no line was given"), "line");
  assert.equal(first({ type: "E", message: "boom", frames: [] }), "order_id");
});
