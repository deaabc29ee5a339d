// The epoch slider: the network before training, after the epochs that were kept, and as tested.

import { unpack } from "./data.js";

/**
 * Return the epochs in order, each { epoch, words, tested, weights() }; weights are kept once made.
 *
 * The starting weights, which take seconds for a large network, are made by the worker.
 */
export function epochList(data, { tested, epochs }, worker) {
  const { layers, weightsSeed: seed } = data;
  const starting = () => worker.run({ name: "startingWeights", layers, seed });
  const list = [{ epoch: 0, words: "0, before training", weights: starting }];
  for (const { epoch, weights } of epochs)
    list.push({ epoch, words: `${epoch} of ${data.lastEpoch}`, weights: () => unpack(weights) });
  const words = `${data.testedEpoch} of ${data.lastEpoch}, tested`;
  list.push({ epoch: data.testedEpoch, words, tested: true, weights: () => unpack(tested) });
  for (const epoch of list) {
    let kept = null;
    const get = epoch.weights;
    epoch.weights = () => (kept ??= Promise.resolve(get()));
  }
  return list.sort((one, other) => one.epoch - other.epoch);
}

/** Set the slider up; `onWeights(weights)` is called when another epoch is chosen. */
export function epochSlider(slider, output, epochs, onWeights) {
  const show = () => {
    output.textContent = epochs[slider.value].words;
    slider.setAttribute("aria-valuetext", epochs[slider.value].words);
  };
  slider.max = epochs.length - 1;
  slider.value = epochs.findIndex((epoch) => epoch.tested);
  show();
  slider.addEventListener("input", async () => {
    show();
    const chosen = slider.value;
    const weights = await epochs[chosen].weights();
    if (slider.value === chosen) onWeights(weights);
  });
}
