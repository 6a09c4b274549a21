/** Which blocks of the drawing are open: by size at first, then as a person or a selection asks. */
import type { Block } from "./protocol";
import { place_of } from "./format";
import { closed_by_size, has_inside, ways_to } from "./layout";
import type { Model } from "./model";

/** Members of an opened dynamic fork that are drawn, and how many of them for being bad. */
const MEMBERS = 11, BAD_MEMBERS = 8;

export class OpenBlocks {
  private readonly asked = new Map<string, boolean>();
  private readonly closed: ReadonlySet<string>;

  /** @param limit boxes that are drawn without anything being asked for */
  constructor(private readonly vm: Model, limit: number) {
    const keep = this.causes();
    if (vm.selection) keep.add(place_of(vm.selection.path));
    this.closed = closed_by_size(vm.data.blocks, ways_to(vm.data.blocks, keep), limit);
  }

  /** Places of the failure's causes. */
  causes(): Set<string> {
    return new Set((this.vm.data.failure?.chains ?? []).map((chain) => place_of(chain.cause.path)));
  }

  is_open(block: Block): boolean {
    const asked = this.asked.get(block.place);
    if (asked !== undefined) return asked;
    if (block.kind === "fork" && !block.branches?.length) return false;
    return has_inside(block) && !this.closed.has(block.place);
  }

  set(place: string, on: boolean): void {
    this.asked.set(place, on);
  }

  /** Opens what is closed around a place; whether there was any. */
  open_way_to(place: string): boolean {
    let moved = false;
    for (const way of ways_to(this.vm.data.blocks, new Set([place]))) {
      const block = this.vm.block(way);
      if (way === place || !block || !has_inside(block) || this.is_open(block)) continue;
      this.set(way, true);
      moved = true;
    }
    return moved;
  }

  /** Of an opened dynamic fork: the first failures, what is selected, then the first ones. */
  members(place: string): { paths: string[]; total: number } | undefined {
    const path = this.vm.drawn(place);
    const all = this.vm.head.members.get(path);
    if (!all?.length) return undefined;
    const chosen = new Set<string>();
    const selected = this.vm.selection?.path;
    if (selected && all.includes(selected)) chosen.add(selected);
    for (const number of this.vm.head.loops.get(path)?.failed ?? []) if (chosen.size < BAD_MEMBERS) chosen.add(all[number - 1]!);
    for (const member of all) if (chosen.size < MEMBERS) chosen.add(member);
    return { paths: all.filter((member) => chosen.has(member)), total: all.length };
  }
}
