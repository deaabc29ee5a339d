// "What does it cost?": the stored test images sent through a network, by class.

import { forward, probabilities } from "./network.js";

/** Count, for each class, the images and those that the network gets right. */
export function evaluate(layers, images, labels, classes, onProgress = () => {}) {
  const pixels = images.length / labels.length;
  const counts = { total: new Array(classes).fill(0), right: new Array(classes).fill(0) };
  labels.forEach((label, i) => {
    const answer = probabilities(forward(layers, images.subarray(i * pixels, (i + 1) * pixels)));
    counts.total[label] += 1;
    counts.right[label] += answer.indexOf(Math.max(...answer)) === label;
    if (i % 20 === 19) onProgress((i + 1) / labels.length);
  });
  return counts;
}

/** Answer the page's requests; this runs in a worker, so that the page stays usable. */
export function serve() {
  self.onmessage = ({ data: { layers, images, labels, classes } }) => {
    const report = (done) => self.postMessage({ done });
    self.postMessage({ counts: evaluate(layers, images, labels, classes, report) });
  };
}

/**
 * Evaluate in a worker made of the page's own script.
 *
 * Returns { counts, stop }: a promise of what `evaluate` returns, and a function that gives up.
 */
export function evaluateInBackground(source, task, onProgress) {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(address);
  const stop = () => {
    worker.terminate();
    URL.revokeObjectURL(address);
  };
  const counts = new Promise((resolve, reject) => {
    worker.onerror = (problem) => reject(problem);
    worker.onmessage = ({ data }) => {
      if (data.counts === undefined) return onProgress(data.done);
      stop();
      resolve(data.counts);
    };
  });
  worker.postMessage(task);
  return { counts, stop };
}
