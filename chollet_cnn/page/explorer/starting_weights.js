// The weights before training, drawn again from the run's seed: NumPy's PCG64 and the Glorot
// uniform range, bit for bit what chollet_cnn.training.seeding draws.

const MASK_128 = (1n << 128n) - 1n;
const MASK_64 = (1n << 64n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const WEIGHTS = 0; // the stream that belongs to the weights

/** Return the first 64-bit words of NumPy's `SeedSequence(entropy)`; every entry is 32 bits. */
function seedWords(entropy, count) {
  let constant = 0x43b0d7e5;
  const hash = (value) => {
    value = (value ^ constant) >>> 0;
    constant = Math.imul(constant, 0x931e8875) >>> 0;
    value = Math.imul(value, constant) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
  const mix = (x, y) => {
    const result = (Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715)) >>> 0;
    return (result ^ (result >>> 16)) >>> 0;
  };
  const pool = Array.from({ length: 4 }, (_, i) => hash(entropy[i] ?? 0));
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));

  constant = 0x8b51f9dd;
  const words = Array.from({ length: 2 * count }, (_, i) => {
    let value = (pool[i % 4] ^ constant) >>> 0;
    constant = Math.imul(constant, 0x58f38ded) >>> 0;
    value = Math.imul(value, constant) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  });
  return Array.from(
    { length: count },
    (_, i) => BigInt(words[2 * i]) | (BigInt(words[2 * i + 1]) << 32n),
  );
}

/** Return a function that gives the next 24 random bits of the stream of (seed, purpose, index). */
export function randomBits(...entropy) {
  const [high, low, highStep, lowStep] = seedWords(entropy, 4);
  const increment = ((((highStep << 64n) | lowStep) << 1n) | 1n) & MASK_128;
  let state = 0n;
  const step = () => (state = (state * MULTIPLIER + increment) & MASK_128);
  step();
  state = (state + ((high << 64n) | low)) & MASK_128;
  step();
  return () => {
    step();
    const turn = state >> 122n;
    const word = (state >> 64n) ^ (state & MASK_64);
    return Number((((word >> turn) | (word << (64n - turn))) & MASK_64) >> 40n);
  };
}

/** Draw a network's starting weights, in the order of `model.get_weights()`. */
export function startingWeights(layers, seed) {
  const parts = [];
  for (const layer of layers) {
    if (layer.kind !== "convolution" && layer.kind !== "dense") continue;
    const window = (layer.size ?? 1) ** 2;
    const [inputs, outputs] = [layer.inputShape.at(-1), layer.shape.at(-1)];
    const limit = Math.sqrt(6 / (window * (inputs + outputs)));
    const next = randomBits(seed, WEIGHTS, parts.length / 2);
    const kernel = new Float32Array(window * inputs * outputs);
    for (let i = 0; i < kernel.length; i++) kernel[i] = (2 * (next() / 2 ** 24) - 1) * limit;
    parts.push(kernel, new Float32Array(outputs));
  }
  const weights = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    weights.set(part, at);
    at += part.length;
  }
  return weights;
}
