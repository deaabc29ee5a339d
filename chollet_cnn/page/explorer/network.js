// The forward pass of a small convolutional network, in plain loops over typed arrays.
//
// What a layer gives is one flat array with the channels last, as in Keras: the value at (row,
// column, channel) stands at index (row * columns + column) * channels + channel. Sums are kept in
// 64 bits, so that the order of adding does not show in the digits on the screen.

/** Slide 3x3 (or size x size) kernels over feature maps: stride 1, no padding, then the bias. */
export function convolve(input, [rows, columns, channels], { kernel, bias, size }) {
  const filters = bias.length;
  const [down, across] = [rows - size + 1, columns - size + 1];
  const output = new Float64Array(down * across * filters);
  const sums = new Float64Array(filters);
  const values = new Float64Array(size * size * channels); // of a window, those that are not zero
  const weights = new Int32Array(values.length); // and where the weights of each begin
  for (let row = 0, cell = 0; row < down; row++)
    for (let column = 0; column < across; column++, cell += filters) {
      // ReLU leaves about half of the values zero, and those need not be multiplied.
      let count = 0;
      for (let y = 0, weight = 0; y < size; y++) {
        const first = ((row + y) * columns + column) * channels;
        for (let i = first; i < first + size * channels; i++, weight += filters)
          if (input[i] !== 0) {
            values[count] = input[i];
            weights[count++] = weight;
          }
      }
      sums.set(bias);
      let i = 0;
      for (; i + 3 < count; i += 4) {
        // Four values at a time: each sum is read and written once for all of them.
        const [a, b, c, d] = [values[i], values[i + 1], values[i + 2], values[i + 3]];
        const [p, q, r, s] = [weights[i], weights[i + 1], weights[i + 2], weights[i + 3]];
        for (let f = 0; f < filters; f++)
          sums[f] += a * kernel[p + f] + b * kernel[q + f] + c * kernel[r + f] + d * kernel[s + f];
      }
      for (; i < count; i++)
        for (let f = 0; f < filters; f++) sums[f] += values[i] * kernel[weights[i] + f];
      output.set(sums, cell);
    }
  return output;
}

/** Replace every negative value by zero, in place. */
export function relu(values) {
  for (let i = 0; i < values.length; i++) if (values[i] < 0) values[i] = 0;
  return values;
}

/** Keep the largest value of each size x size window; windows do not overlap. */
export function maxPool(input, [, columns, channels], [down, across], size) {
  const output = new Float64Array(down * across * channels).fill(-Infinity);
  for (let row = 0; row < down * size; row++)
    for (let column = 0; column < across * size; column++) {
      const from = (row * columns + column) * channels;
      const to = (Math.floor(row / size) * across + Math.floor(column / size)) * channels;
      for (let c = 0; c < channels; c++)
        if (input[from + c] > output[to + c]) output[to + c] = input[from + c];
    }
  return output;
}

/** Average each channel's feature map to one number. */
export function averagePool(input, [rows, columns, channels]) {
  const output = new Float64Array(channels);
  for (let i = 0; i < input.length; i++) output[i % channels] += input[i];
  return output.map((sum) => sum / (rows * columns));
}

/** Weigh every input by every unit's weight for it, and add the bias. */
export function multiply(input, { kernel, bias }) {
  const output = Float64Array.from(bias);
  const units = bias.length;
  for (let i = 0; i < input.length; i++)
    if (input[i] !== 0)
      for (let unit = 0; unit < units; unit++) output[unit] += input[i] * kernel[i * units + unit];
  return output;
}

/** Turn scores into probabilities: each one's exponential as a share of their sum. */
export function softmax(scores) {
  const largest = Math.max(...scores); // taken off first: exp(800) would be infinite
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

/** Turn one score into a probability. */
export const sigmoid = (scores) => scores.map((score) => 1 / (1 + Math.exp(-score)));

const ACTIVATIONS = { relu, softmax, sigmoid, linear: (values) => values };

/** Compute one layer from its input. */
function run(layer, input) {
  switch (layer.kind) {
    case "rescaling":
      return Float64Array.from(input, (value) => value * layer.scale + layer.offset);
    case "convolution":
      return convolve(input, layer.inputShape, layer);
    case "max pooling":
      return maxPool(input, layer.inputShape, layer.shape, layer.size);
    case "average":
      return averagePool(input, layer.inputShape);
    case "flatten":
      return input; // channels last already is the order in which Keras lays the values out
    case "dense":
      return multiply(input, layer);
    default:
      throw new Error(`unknown kind of layer: ${layer.kind}`);
  }
}

/**
 * Send an image through a network.
 *
 * Returns what every layer gives, in order, and the scores before the last activation.
 */
export function forward(layers, pixels, onLayer = () => {}) {
  const values = [];
  let scores = null;
  let flowing = pixels;
  for (const layer of layers) {
    const sums = run(layer, flowing);
    if (layer === layers.at(-1)) scores = Float64Array.from(sums);
    flowing = ACTIVATIONS[layer.activation ?? "linear"](sums);
    values.push(flowing);
    onLayer(values.length - 1);
  }
  return { pixels, values, scores };
}

/** Return the probability of each class; one sigmoid unit tells two classes apart. */
export function probabilities(pass) {
  const last = pass.values.at(-1);
  return last.length === 1 ? [1 - last[0], last[0]] : Array.from(last);
}

/** Return the class with the largest probability. */
export function predictedClass(pass) {
  const answer = probabilities(pass);
  return answer.indexOf(Math.max(...answer));
}

/** Give layers their weights, out of one flat array in the order of `model.get_weights()`. */
export function withWeights(layers, weights) {
  let from = 0;
  const take = (count) => weights.subarray(from, (from += count));
  return layers.map((layer) => {
    if (layer.kind !== "convolution" && layer.kind !== "dense") return { ...layer };
    const outputs = layer.shape.at(-1);
    const inputs = layer.inputShape.at(-1) * (layer.size ?? 1) ** 2;
    return { ...layer, kernel: take(inputs * outputs), bias: take(outputs) };
  });
}
