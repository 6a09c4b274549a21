/** Payloads of tasks, asked for once per version of the task. */
import type { TaskDetail } from "../protocol";
import type { TaskView, ViewModel } from "../viewmodel";

export interface Known { detail: TaskDetail | null; error: string | null; loading: boolean }

interface Entry { version: number; asked: number; detail: TaskDetail | null; error: string | null }

/** Entries kept; the oldest goes first. */
const LIMIT = 200;

export class TaskDetails {
  private readonly entries = new Map<string, Entry>();

  /** @param arrived is called when an answer has come. */
  constructor(private readonly vm: ViewModel, private readonly arrived: () => void) {}

  /** What is known of a task now; asks for it when that is out of date. */
  get(task: TaskView): Known {
    const version = this.vm.head.tasks.get(task.task_id)?.last_n ?? task.last_n;
    let entry = this.entries.get(task.task_id);
    if (!entry) {
      entry = { version: -1, asked: -1, detail: null, error: null };
      this.entries.set(task.task_id, entry);
      if (this.entries.size > LIMIT) this.entries.delete(this.entries.keys().next().value!);
    }
    if (entry.asked < version) void this.load(task, entry, version);
    return { detail: entry.detail, error: entry.error, loading: entry.version < version && !entry.error };
  }

  private async load(task: TaskView, entry: Entry, version: number): Promise<void> {
    entry.asked = version;
    try {
      const detail = await this.vm.ask<TaskDetail>({ what: "task", workflow_id: task.workflow_id, task_id: task.task_id });
      if (version < entry.version) return;
      entry.detail = detail;
      entry.error = null;
    } catch (reason) {
      entry.error = reason instanceof Error ? reason.message : String(reason);
    }
    entry.version = version;
    this.arrived();
  }
}
