// Grad-CAM: which cells of the last convolution support a class.
//
// The gradient of the class's score flows back from the last layer to the last convolution's maps;
// a map's weight is the mean of its gradient, and the weighted sum of the maps, where it is above
// zero, is the heat. Source: Selvaraju et al., "Grad-CAM", 2017.

/** Return { heat, rows, columns, layer } for the class `target`, from a finished forward pass. */
export function gradCam(layers, pass, target) {
  const last = layers.findLastIndex((layer) => layer.kind === "convolution");
  const [rows, columns, channels] = layers[last].shape;
  const gradient = gradientAt(layers, pass, last, target);
  const weights = new Float64Array(channels);
  gradient.forEach((slope, i) => (weights[i % channels] += slope / (rows * columns)));
  const maps = pass.values[last];
  const heat = new Float64Array(rows * columns);
  for (let cell = 0; cell < heat.length; cell++) {
    for (let c = 0; c < channels; c++) heat[cell] += weights[c] * maps[cell * channels + c];
    if (heat[cell] < 0) heat[cell] = 0;
  }
  return { heat, rows, columns, layer: last };
}

/** Return how fast a class's score grows with each value that layer `last` gives. */
function gradientAt(layers, pass, last, target) {
  const units = layers.at(-1).shape.at(-1);
  let slope = new Float64Array(units);
  // Of one sigmoid unit, class 1 is what it stands for and class 0 the opposite.
  slope[units === 1 ? 0 : target] = units === 1 && target === 0 ? -1 : 1;
  for (let index = layers.length - 1; index > last; index--) {
    const layer = layers[index];
    const input = pass.values[index - 1];
    if (layer.activation === "relu")
      slope = slope.map((value, i) => (pass.values[index][i] > 0 ? value : 0));
    slope = backwards(layer, input, slope);
  }
  return slope;
}

function backwards(layer, input, slope) {
  const result = new Float64Array(input.length);
  if (layer.kind === "dense") {
    const units = slope.length;
    for (let i = 0; i < input.length; i++)
      for (let unit = 0; unit < units; unit++)
        result[i] += layer.kernel[i * units + unit] * slope[unit];
    return result;
  }
  if (layer.kind === "average") {
    const [rows, columns, channels] = layer.inputShape;
    return result.map((_, i) => slope[i % channels] / (rows * columns));
  }
  if (layer.kind === "max pooling") {
    const { size, inputShape, shape } = layer;
    const [, columns, channels] = inputShape;
    slope.forEach((value, i) => {
      const channel = i % channels;
      const [row, column] = [
        Math.floor(i / channels / shape[1]),
        Math.floor(i / channels) % shape[1],
      ];
      let best = -1;
      for (let y = 0; y < size; y++)
        for (let x = 0; x < size; x++) {
          const at = ((row * size + y) * columns + column * size + x) * channels + channel;
          if (best < 0 || input[at] > input[best]) best = at;
        }
      result[best] += value;
    });
    return result;
  }
  return slope; // flatten
}
