// What the reader has changed in the network: channels made weaker or switched off, and kernels of
// the first convolution replaced. The learned weights stay as they are; a changed copy is computed.

export const key = (layer, channel) => `${layer}/${channel}`;

/**
 * Apply changes to a network's layers.
 *
 * Switching a channel off sets its kernel and its bias to zero, so that its map is zero everywhere.
 * `changes` maps "layer/channel" to { scale, kernel }: a factor for kernel and bias, and the numbers
 * of a replaced kernel, in the order rows, columns, input channels.
 */
export function changed(layers, changes) {
  const copies = new Map();
  for (const [place, { scale = 1, kernel = null }] of changes) {
    const [index, channel] = place.split("/").map(Number);
    if (!copies.has(index)) {
      const layer = layers[index];
      copies.set(index, {
        ...layer,
        kernel: Float32Array.from(layer.kernel),
        bias: Float32Array.from(layer.bias),
      });
    }
    const copy = copies.get(index);
    const filters = copy.bias.length;
    for (let i = 0; i * filters < copy.kernel.length; i++) {
      const at = i * filters + channel;
      copy.kernel[at] = scale * (kernel ? kernel[i] : copy.kernel[at]);
    }
    copy.bias[channel] *= scale;
  }
  return layers.map((layer, index) => copies.get(index) ?? layer);
}

/** Return the numbers of one channel's kernel, in the order rows, columns, input channels. */
export function kernelOf(layer, channel) {
  const filters = layer.bias.length;
  return Array.from(
    { length: layer.kernel.length / filters },
    (_, i) => layer.kernel[i * filters + channel],
  );
}
