// @ts-check
/** The browser's half of the handshake that brings a view its first data (greeted_view.py): it says
 *  hello once it listens, and again, ever more slowly, until there is data. */

const FIRST_MS = 1000, MOST_MS = 8000;

/** Say hello for a view that listens by now.
 *  @param {any} model the view's Panel model
 *  @param {() => number} has version of the data that is shown, 0 for none or none of use
 *  @returns {() => void} says hello anew, for a view that has found out that it lacks something */
export function greet(model, has) {
  let seq = Date.now(), wait = FIRST_MS, timer = 0;
  const say = () => { model.hello = { seq: ++seq, has: has() }; };
  function later() {
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      if (has()) return;
      say();
      wait = Math.min(2 * wait, MOST_MS);
      later();
    }, wait);
  }
  function begin() {
    wait = FIRST_MS;
    say();
    later();
  }
  model.on("remove", () => clearTimeout(timer));
  begin();
  return begin;
}
