/** Large definitions and histories, the same for the same size. */
import type { Block, ViewData } from "../src/protocol";
import { History, choice, fork, loop, sub, task, view_data } from "./builders";

/** A definition of about `size` tasks with every kind of block in it. */
export function big_blocks(size: number, root = "big"): Block[] {
  let made = 0;
  const blocks: Block[] = [];
  const leaf = (place: string) => {
    made++;
    return task(`${place}/task_${made}`);
  };
  while (made < size) {
    const i = blocks.length;
    const at = `${root}/block_${i}`;
    made++;
    if (i % 5 === 1) blocks.push(fork(at, [[leaf(root), leaf(root)], [leaf(root)], [leaf(root), leaf(root), leaf(root)]], `join_${i}`));
    else if (i % 5 === 2) blocks.push(choice(at, [{ label: "a", blocks: [leaf(root), leaf(root)] }, { label: "b", blocks: [leaf(root)] }, { label: "", is_default: true, blocks: [] }]));
    else if (i % 5 === 3) blocks.push(loop(at, [leaf(at), choice(`${at}/inner_${i}`, [{ label: "x", blocks: [leaf(at)] }, { label: "y", blocks: [leaf(at)] }]), leaf(at)]));
    else if (i % 5 === 4) blocks.push(sub(at, [leaf(at), loop(`${at}/rounds_${i}`, [leaf(`${at}/rounds_${i}`), leaf(`${at}/rounds_${i}`)]), leaf(at)]));
    else blocks.push(leaf(root));
  }
  return blocks;
}

/** An execution of it whose top-level tasks have run. */
export function big_flow(size: number): ViewData {
  const blocks = big_blocks(size);
  const h = new History();
  h.start("big");
  for (const block of blocks) if (block.kind === "task") h.run(block.place, 40);
  return view_data(blocks, h.events, { workflow_id: "w", name: "big", status: "COMPLETED", start_ms: h.events[0]!.wall_ms, end_ms: h.wall_ms });
}

/** A loop of `iterations` × 5 tasks; about 16 events each. */
export function long_loop(iterations: number): ViewData {
  const refs = ["fetch", "check", "price", "charge", "record"];
  const h = new History();
  h.start("long");
  const id = h.schedule("long/each", { task_type: "DO_WHILE", status: "IN_PROGRESS" });
  for (let i = 1; i <= iterations; i++) {
    h.of(id, "LoopIterated", { iteration: i });
    for (const ref of refs) {
      const bad = ref === "charge" && i % 1100 === 37;
      h.run(`long/each[${i}]/${ref}`, 5 + (i % 9), bad ? { optional: false } : {}, bad ? "TaskFailed" : "TaskCompleted", bad ? { status: "FAILED" } : {});
    }
  }
  const blocks = [loop("long/each", refs.map((ref) => task(`long/each/${ref}`)))];
  return view_data(blocks, h.events, { workflow_id: "w", name: "long", status: "RUNNING", start_ms: h.events[0]!.wall_ms });
}

/** A dynamic fork of `branches` tasks, some of them failed, some running. */
export function wide_fan(branches: number): ViewData {
  const h = new History();
  h.start("wide");
  h.run("wide/list_parcels", 30);
  h.schedule("wide/pack_parcels", { task_type: "FORK_JOIN_DYNAMIC", status: "COMPLETED" });
  const ids = Array.from({ length: branches }, (_, i) => h.schedule(`wide/pack_${i + 1}`));
  h.schedule("wide/packed", { task_type: "JOIN", status: "IN_PROGRESS" });
  ids.forEach((id, i) => {
    h.wait(1).begin(id);
    if (i < branches * 0.97) h.wait(3 + (i % 7)).end(id, i % 97 === 40 ? "TaskFailed" : "TaskCompleted", i % 97 === 40 ? { status: "FAILED", reason: "no box" } : {});
  });
  const blocks = [
    task("wide/list_parcels"), task("wide/pack_parcels", { kind: "fork", type: "FORK_JOIN_DYNAMIC", word: "Dynamic fork" }),
    task("wide/packed", { type: "JOIN", word: "Join" }), task("wide/ship"),
  ];
  return view_data(blocks, h.events, { workflow_id: "w", name: "wide", start_ms: h.events[0]!.wall_ms });
}
