// The arithmetic behind a single number: which values, which weights, which sum.
//
// Functions take { layers, pass }, the network and a finished forward pass, and the place of the
// number, { layer, row, column, channel }, in which `layer` is an index.

/** Return the input of layer `index` of a finished forward pass. */
export const inputOf = (pass, index) => (index === 0 ? pass.pixels : pass.values[index - 1]);

/** Return one value of a layer. */
export function valueAt({ layers, pass }, { layer, row, column, channel }) {
  const [, columns, channels] = gridOf(layers[layer]);
  return pass.values[layer][(row * columns + column) * channels + channel];
}

/** Return rows, columns and channels of a layer; a dense unit is a channel of a single cell. */
export const gridOf = ({ shape }) => (shape.length === 3 ? shape : [1, 1, shape[0]]);

/** Return { layer, channel } that an address such as #conv2d_1/7 names, or null if it names none. */
export function addressed(hash, layers) {
  let address;
  try {
    address = decodeURIComponent(hash.slice(1));
  } catch {
    return null; // a percent sign that encodes nothing
  }
  const [name, number] = address.split("/");
  const withoutRow = ["rescaling", "flatten"];
  const layer = layers.findIndex((each) => each.name === name && !withoutRow.includes(each.kind));
  if (layer < 0) return null;
  const channel = Number(number);
  const exists = Number.isInteger(channel) && channel >= 0 && channel < gridOf(layers[layer])[2];
  return { layer, channel: exists ? channel : 0 };
}

/**
 * Return the sum that a convolution makes for one cell, one group of products an input channel.
 *
 * The products, the groups' subtotals and the bias add up to `sum`.
 */
export function convolutionSum({ layers, pass }, { layer, row, column, channel }) {
  const { kernel, bias, size, inputShape } = layers[layer];
  const [, columns, channels] = inputShape;
  const input = inputOf(pass, layer);
  const groups = Array.from({ length: channels }, (_, from) => {
    const products = [];
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const value = input[((row + y) * columns + column + x) * channels + from];
        const weight = kernel[((y * size + x) * channels + from) * bias.length + channel];
        products.push({ value, weight, product: value * weight });
      }
    return { channel: from, products, subtotal: total(products.map((part) => part.product)) };
  });
  const sum = total(groups.map((group) => group.subtotal)) + bias[channel];
  return { groups, bias: bias[channel], sum };
}

/** Return the four (size x size) values that a pooled cell is the largest of. */
export function pooledValues({ layers, pass }, { layer, row, column, channel }) {
  const { size, inputShape } = layers[layer];
  const [, columns, channels] = inputShape;
  const input = inputOf(pass, layer);
  return Array.from({ length: size * size }, (_, i) => {
    const [y, x] = [row * size + Math.floor(i / size), column * size + (i % size)];
    return input[(y * columns + x) * channels + channel];
  });
}

/** Return all cells of the map that an average is made of. */
export function averagedValues({ layers, pass }, { layer, channel }) {
  const channels = layers[layer].inputShape[2];
  return inputOf(pass, layer).filter((_, i) => i % channels === channel);
}

/**
 * Return the sum that a dense unit makes, one group an input channel or, behind another dense layer,
 * an input unit. `products` of a group are in the order of the channel's cells.
 */
export function denseSum({ layers, pass }, { layer, channel: unit }) {
  const { kernel, bias } = layers[layer];
  const input = inputOf(pass, layer);
  const source = layer - (layers[layer - 1].kind === "flatten" ? 2 : 1); // seen through a flatten
  const channels = gridOf(layers[source])[2];
  const groups = Array.from({ length: channels }, (_, channel) => ({ channel, products: [] }));
  input.forEach((value, i) => {
    const weight = kernel[i * bias.length + unit];
    groups[i % channels].products.push({ value, weight, product: value * weight });
  });
  for (const group of groups) group.subtotal = total(group.products.map((part) => part.product));
  const sum = total(groups.map((group) => group.subtotal)) + bias[unit];
  return { groups, bias: bias[unit], sum, source };
}

/** Return the part of the layer before, { top, left, height, width }, that a cell is made from. */
export function windowOf(layer, row, column) {
  const { kind, size, inputShape } = layer;
  if (kind === "convolution") return { top: row, left: column, height: size, width: size };
  if (kind === "max pooling")
    return { top: row * size, left: column * size, height: size, width: size };
  if (inputShape.length === 3)
    return { top: 0, left: 0, height: inputShape[0], width: inputShape[1] };
  return { top: 0, left: 0, height: 1, width: 1 };
}

/** Return the layer, its channel (null: all of them) and the window that a cell of maps reads. */
export function readBy(layers, { layer, row, column, channel }) {
  const { kind } = layers[layer];
  if (layer === 0 || kind === "dense") return null;
  const from = kind === "convolution" ? null : channel;
  return { layer: layer - 1, channel: from, ...windowOf(layers[layer], row, column) };
}

/** Return the part of the image that a cell can depend on, its receptive field. */
export function receptiveField(layers, { layer, row, column }) {
  let field = { top: row, left: column, height: 1, width: 1 };
  for (let at = layer; at >= 0; at--) {
    if (layers[at].kind === "rescaling") continue;
    const first = windowOf(layers[at], field.top, field.left);
    const last = windowOf(layers[at], field.top + field.height - 1, field.left + field.width - 1);
    field = {
      top: first.top,
      left: first.left,
      height: last.top + last.height - first.top,
      width: last.left + last.width - first.left,
    };
  }
  return field;
}

/** Return where a layer's cells lie in the image: the middle of cell (0, 0), and the step. */
export function cellGrid(layers, index) {
  let [first, step] = [0, 1];
  for (const { kind, size } of layers.slice(0, index + 1)) {
    if (kind !== "convolution" && kind !== "max pooling") continue;
    first += ((size - 1) / 2) * step;
    if (kind === "max pooling") step *= size;
  }
  return { first, step };
}

/**
 * Resize a heatmap to the image, cell middles onto the pixels where they lie.
 *
 * Between the middles it is interpolated; outside the outermost ones it stays constant.
 */
export function resizeHeat({ heat, rows, columns, layer }, layers, height, width) {
  const { first, step } = cellGrid(layers, layer);
  const axis = (pixels, cells) =>
    Array.from({ length: pixels }, (_, pixel) => {
      const place = Math.min(Math.max((pixel - first) / step, 0), cells - 1);
      const low = Math.floor(place);
      return [low, Math.min(low + 1, cells - 1), place - low];
    });
  const across = axis(width, columns);
  return axis(height, rows).flatMap(([top, bottom, down]) =>
    across.map(([left, right, over]) => {
      const at = (row, column) => heat[row * columns + column];
      const above = at(top, left) * (1 - over) + at(top, right) * over;
      const below = at(bottom, left) * (1 - over) + at(bottom, right) * over;
      return above * (1 - down) + below * down;
    }),
  );
}

const total = (values) => values.reduce((sum, value) => sum + value, 0);
