// Work in a worker, so that the page stays usable. The worker runs the page's own script, which
// finds no document there and waits for tasks; so nothing has to be fetched.

import { evaluate } from "./evaluate.js";
import { forward } from "./network.js";
import { startingWeights } from "./starting_weights.js";

/** Answer the page's tasks; this runs in the worker. */
export function serve() {
  self.onmessage = ({ data: { name, layers, pixels, labels, classes, seed } }) => {
    const report = (done) => self.postMessage({ done });
    if (name === "startingWeights") {
      self.postMessage({ result: startingWeights(layers, seed) });
    } else if (name === "evaluate") {
      self.postMessage({ result: evaluate(layers, pixels, labels, classes, report) });
    } else {
      const pass = forward(layers, pixels, (index) => report((index + 1) / layers.length));
      self.postMessage({ result: pass }, [...new Set(pass.values.map((values) => values.buffer))]);
    }
  };
}

/**
 * Give one task at a time to a worker: `run(task, onProgress)` returns a promise of its result.
 *
 * A new task ends the one before, whose promise then never comes.
 */
export function background(source) {
  let worker = null;
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  return {
    run(task, onProgress = () => {}) {
      this.stop();
      const mine = new Worker(address);
      worker = mine;
      return new Promise((resolve, reject) => {
        mine.onerror = reject;
        mine.onmessage = ({ data }) => {
          if (data.result === undefined) return onProgress(data.done);
          mine.terminate();
          if (worker === mine) worker = null;
          resolve(data.result);
        };
        mine.postMessage(task);
      });
    },
    stop() {
      worker?.terminate();
      worker = null;
    },
  };
}
