// "What does it cost?": the stored test images sent through a network, by class.

import { forward, predictedClass } from "./network.js";

/** Count, for each class, the images and those that the network gets right. */
export function evaluate(layers, images, labels, classes, onProgress = () => {}) {
  const pixels = images.length / labels.length;
  const counts = { total: new Array(classes).fill(0), right: new Array(classes).fill(0) };
  labels.forEach((label, i) => {
    const pass = forward(layers, images.subarray(i * pixels, (i + 1) * pixels));
    counts.total[label] += 1;
    counts.right[label] += predictedClass(pass) === label;
    onProgress((i + 1) / labels.length);
  });
  return counts;
}
