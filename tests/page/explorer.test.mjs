// Unit tests of the explorer's modules, without a browser: node --test tests/page/explorer.test.mjs
// Needs Node 20.19, the first that takes the modules' "export" without being told.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const folder = new URL("../../chollet_cnn/page/explorer/", import.meta.url);
const load = (name) => import(new URL(`${name}.js`, folder));
const numbers = await load("numbers");
const network = await load("network");
const explain = await load("explain");
const { asMnist, resize } = await load("mnist_look");
const { changed, kernelOf } = await load("changes");
const { draggable } = await load("channel");
const { drawingPad } = await load("drawing_pad");
const { fromHalf, unpack } = await load("data");
const { evaluate } = await load("evaluate");
const { gradCam } = await load("grad_cam");
const { startingWeights } = await load("starting_weights");

/** Return a function that gives the same numbers from -1 to 1 in every run of the tests. */
function draws(seed = 1) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

const close = (found, expected, within = 1e-9) => {
  assert.equal(found.length, expected.length);
  found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= within, `${i}: ${value}`));
};

/** Return layers with random weights: 8x8 to 6x6x2, pooled to 3x3x2, four units, three classes. */
function smallNetwork(bias) {
  const layers = [
    { kind: "rescaling", scale: 1 / 255, offset: 0, inputShape: [8, 8, 1], shape: [8, 8, 1] },
    { kind: "convolution", size: 3, activation: "relu", inputShape: [8, 8, 1], shape: [6, 6, 2] },
    { kind: "max pooling", size: 2, inputShape: [6, 6, 2], shape: [3, 3, 2] },
    { kind: "flatten", inputShape: [3, 3, 2], shape: [18] },
    { kind: "dense", activation: "relu", inputShape: [18], shape: [4] },
    { kind: "dense", activation: "softmax", inputShape: [4], shape: [3] },
  ];
  const next = draws();
  const weights = Float32Array.from({ length: 9 * 2 + 2 + 18 * 4 + 4 + 4 * 3 + 3 }, next);
  if (bias) weights.fill(bias, 18, 20); // of the convolution
  const pixels = Uint8Array.from({ length: 64 }, () => Math.floor(128 * (1 + next())));
  const whole = network.withWeights(layers, weights);
  return { layers: whole, pass: network.forward(whole, pixels), pixels, weights };
}

test("numbers have true minus signs, and no minus before zero", () => {
  assert.equal(numbers.decimals(-1.234, 2), "−1.23");
  assert.equal(numbers.decimals(-0.004, 2), "0.00");
  assert.equal(numbers.scientific(4.2e-9), "4·10⁻⁹");
  assert.equal(numbers.short(0.5), "0.50");
  assert.equal(numbers.short(2e-12), "2·10⁻¹²");
});

test("what is nearly certain is not called certain", () => {
  assert.equal(numbers.percent(0.953), "95.3%");
  assert.equal(numbers.percent(0.99999), ">99.9%");
  assert.equal(numbers.percent(0.00001), "<0.1%");
  assert.deepEqual(
    [0, 1].map((share) => numbers.percent(share)),
    ["0.0%", "100.0%"],
  );
});

test("printed terms add up to the printed total, each less than a unit from its value", () => {
  const next = draws(7);
  for (let round = 0; round < 500; round++) {
    const terms = Array.from({ length: 2 + (round % 9) }, () => 3 * next());
    const total = terms.reduce((sum, term) => sum + term, 0);
    const printed = numbers.roundTerms(terms, total, 3);
    const units = printed.map((term) => Math.round(1000 * term));
    assert.equal(
      units.reduce((sum, unit) => sum + unit, 0),
      Math.round(1000 * total),
    );
    printed.forEach((term, i) => assert.ok(Math.abs(term - terms[i]) < 0.001 + 1e-9));
  }
});

test("a convolution lays its kernel on as it is and adds the bias", () => {
  const image = Float64Array.from([1, 0, 2, 3, 1, 0, 0, 2, 1, 1, 0, 0]); // three rows of four
  const kernel = Float64Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const layer = { kernel, bias: [10], size: 3 };
  // 1·1 + 3·2 + 4·1 + 7·1 + 8·1 and 2·2 + 3·3 + 6·2 + 7·1, and 10 each
  close(network.convolve(image, [3, 4, 1], layer), [36, 42]);
});

test("pooling keeps the largest of each block and drops what is left over", () => {
  const maps = Float64Array.from([1, 5, 9, -2, 3, 9, 7, 7, 7]);
  close(network.maxPool(maps, [3, 3, 1], [1, 1], 2), [5]);
  close(network.averagePool(Float64Array.from([1, 10, 3, 30]), [2, 1, 2]), [2, 20]);
});

test("softmax adds up to one, for scores of 1,000 too", () => {
  close(network.softmax([2, 1, 0.5, -1]), [0.6094, 0.2242, 0.136, 0.0303], 1e-4);
  close(network.softmax([1000, 1000]), [0.5, 0.5]);
  close(network.probabilities({ values: [network.sigmoid([0])] }), [0.5, 0.5]);
});

test("weights are dealt out in Keras's order", () => {
  const { layers, weights } = smallNetwork();
  const [, first, , , hidden, last] = layers;
  assert.deepEqual(
    [first, hidden, last].map((layer) => layer.kernel.length),
    [18, 72, 12],
  );
  assert.deepEqual(
    [first, hidden, last].map((layer) => layer.bias.length),
    [2, 4, 3],
  );
  assert.equal(last.bias[2], weights.at(-1));
});

test("the sum behind every cell of a convolution and every dense unit is its value", () => {
  const { layers, pass } = smallNetwork();
  for (let row = 0; row < 6; row++)
    for (let column = 0; column < 6; column++)
      for (const channel of [0, 1]) {
        const at = { layer: 1, row, column, channel };
        const { groups, bias, sum } = explain.convolutionSum({ layers, pass }, at);
        const value = explain.valueAt({ layers, pass }, at);
        close([Math.max(0, sum), bias + groups[0].subtotal], [value, sum]);
        assert.equal(groups[0].products.length, 9);
      }
  for (const unit of [0, 1, 2, 3]) {
    const { groups, bias, sum, source } = explain.denseSum(
      { layers, pass },
      { layer: 4, channel: unit },
    );
    assert.equal(source, 2); // seen through the flatten
    const subtotals = groups.reduce((total, group) => total + group.subtotal, 0);
    close([Math.max(0, sum), subtotals + bias], [pass.values[4][unit], sum]);
  }
  const scores = [0, 1, 2].map(
    (channel) => explain.denseSum({ layers, pass }, { layer: 5, channel }).sum,
  );
  close(scores, Array.from(pass.scores));
});

test("a pooled cell is the largest of its four values", () => {
  const [network, at] = [smallNetwork(), { layer: 2, row: 1, column: 2, channel: 1 }];
  const four = explain.pooledValues(network, at);
  assert.equal(four.length, 4);
  assert.equal(Math.max(...four), explain.valueAt(network, at));
});

test("receptive fields grow as in the article: 3, 4, 8, 10, 18 and 22 pixels", () => {
  const sides = [28, 26, 13, 11, 5, 3, 1];
  const layers = sides.slice(1).map((side, i) => ({
    kind: i % 2 ? "max pooling" : "convolution",
    size: i % 2 ? 2 : 3,
    inputShape: [sides[i], sides[i], 1],
    shape: [side, side, 1],
  }));
  const widths = layers.map(
    (_, i) => explain.receptiveField(layers, { layer: i, row: 0, column: 0 }).width,
  );
  assert.deepEqual(widths, [3, 4, 8, 10, 18, 22]);
  // A unit sees what the cells before it saw together, here rows and columns 0 to 25 of the 28.
  for (const kind of ["flatten", "average"]) {
    const network = [...layers.slice(0, 5), { kind, inputShape: [3, 3, 1] }];
    for (const inputShape of [[9], [4]]) {
      network.push({ kind: "dense", inputShape });
      const layer = network.length - 1;
      const field = explain.receptiveField(network, { layer, row: 0, column: 0 });
      assert.deepEqual(field, { top: 0, left: 0, height: 26, width: 26 });
    }
  }
  assert.deepEqual(explain.cellGrid(layers, 1), { first: 1.5, step: 2 });
  assert.deepEqual(explain.windowOf(layers[1], 2, 3), { top: 4, left: 6, height: 2, width: 2 });
});

test("an odd address opens channel 0 of a layer that has a row, or nothing", () => {
  const layers = smallNetwork().layers.map((layer, i) => ({
    ...layer,
    name: `${layer.kind}_${i}`,
  }));
  const found = (hash) => explain.addressed(hash, layers);
  assert.deepEqual(found("#convolution_1/1"), { layer: 1, channel: 1 });
  assert.deepEqual(found("#max%20pooling_2/1"), { layer: 2, channel: 1 });
  for (const channel of ["", "/", "/-1", "/0.5", "/2", "/1e9", "/NaN", "/one"])
    assert.deepEqual(found(`#convolution_1${channel}`), { layer: 1, channel: 0 });
  for (const hash of ["", "#", "#%", "#%E0%A4%A", "#rescaling_0", "#flatten_3/1", "#nothing/1"])
    assert.equal(found(hash), null);
});

test("a drawing is scaled to 20 pixels and its centre of mass comes to pixel 14, 14", () => {
  const ink = new Float32Array(100 * 80);
  for (let row = 5; row < 65; row++)
    // a bar of 60 by 30 in a corner, its left half fainter
    for (let column = 2; column < 32; column++) ink[row * 80 + column] = column < 17 ? 0.5 : 1;
  const { pixels, box, middle } = asMnist(ink, 80, 100);
  assert.deepEqual([box.height, box.width], [20, 10]);
  // Halves are rounded to even, as by Python: 14 - 9.5 to 4.
  assert.deepEqual([middle.row, box.top, box.left], [9.5, 4, Math.round(14 - middle.column)]);
  let [mass, down, across] = [0, 0, 0];
  pixels.forEach((value, i) => {
    mass += value;
    down += value * Math.floor(i / 28);
    across += value * (i % 28);
  });
  close([down / mass, across / mass], [14, 14], 0.5);
  assert.equal(Math.max(...pixels), 255);
  assert.equal(asMnist(new Float32Array(100), 10, 10), null);
});

/** Send a pointer's event, with the coordinates and the id that are given. */
const point = (target, type, pointerId, clientX, clientY) =>
  target.dispatchEvent(Object.assign(new Event(type), { pointerId, clientX, clientY, button: 0 }));

test("while one finger draws, another changes nothing; afterwards it draws itself", () => {
  let drawn = []; // the points on the pad; each paint begins with a black rectangle
  const context = {
    fillRect: () => (drawn = []),
    lineTo: (x, y) => drawn.push([x, y]),
    beginPath() {},
    moveTo() {},
    stroke() {},
  };
  const canvas = Object.assign(new EventTarget(), {
    getContext: () => context,
    getBoundingClientRect: () => ({ left: 0, top: 0, width: 280, height: 280 }),
    setPointerCapture() {},
  });
  drawingPad(canvas, {}, () => {});
  point(canvas, "pointerdown", 1, 10, 10);
  for (const type of ["pointerdown", "pointermove", "pointercancel", "lostpointercapture"])
    point(canvas, type, 2, 200, 200);
  point(canvas, "pointermove", 1, 20, 20);
  for (const type of ["pointerup", "lostpointercapture"]) point(canvas, type, 1, 20, 20);
  point(canvas, "pointermove", 1, 30, 30);
  point(canvas, "pointerdown", 2, 40, 40);
  assert.deepEqual(
    drawn,
    [10, 20, 40].map((place) => [place, place]),
  );
});

test("a weight is dragged by one pointer, until it is up or cancelled", () => {
  const [input, window] = [Object.assign(new EventTarget(), { blur() {} }), new EventTarget()];
  globalThis.window = window;
  const found = [];
  draggable(input, 0.5, (weight) => found.push(weight));
  for (const end of ["pointerup", "pointercancel"]) {
    point(input, "pointerdown", 1, 0, 100);
    for (const id of [1, 2]) point(window, "pointermove", id, 0, 90);
    point(window, end, 2, 0, 90);
    point(window, "pointermove", 1, 0, 80);
    for (const type of [end, "pointermove"]) point(window, type, 1, 0, 70);
  }
  delete globalThis.window;
  assert.deepEqual(found, [0.6, 0.7, 0.6, 0.7]);
});

test("a pixel of a smaller image is the mean of those under it", () => {
  close(resize(Float32Array.from([0, 2, 4, 6, 8, 10, 12, 14]), 4, 2, 2, 1), [5, 9]);
});

test("a channel that is switched off gives zeros, and the learned weights stay", () => {
  const { layers, pass, pixels } = smallNetwork();
  const off = changed(layers, new Map([["1/0", { scale: 0 }]]));
  const maps = network.forward(off, pixels).values[1];
  maps.forEach((value, i) => assert.equal(value, i % 2 ? pass.values[1][i] : 0));
  const replaced = changed(layers, new Map([["1/1", { kernel: [0, 0, 0, 0, 1, 0, 0, 0, 0] }]]));
  assert.deepEqual(kernelOf(replaced[1], 1), [0, 0, 0, 0, 1, 0, 0, 0, 0]);
  assert.deepEqual(kernelOf(replaced[1], 0), kernelOf(layers[1], 0));
  assert.notDeepEqual(kernelOf(layers[1], 1), kernelOf(replaced[1], 1));
});

test("right predictions are counted by class", () => {
  const layers = [{ kind: "dense", activation: "softmax", inputShape: [2], shape: [2] }];
  const same = network.withWeights(layers, Float32Array.from([1, 0, 0, 1, 0, 0]));
  const images = Uint8Array.from([9, 0, 9, 0, 0, 9]);
  const counts = evaluate(same, images, Uint8Array.from([0, 1, 1]), 2);
  assert.deepEqual(counts, { total: [1, 2], right: [1, 1] });
});

test("Grad-CAM weighs each map by how fast the score grows with it", () => {
  const { layers, pass, pixels } = smallNetwork(4); // of equal zeros a pooling would choose one
  const { heat, rows, columns, layer } = gradCam(layers, pass, 2);
  assert.deepEqual([rows, columns, layer], [6, 6, 1]);
  // The same slope, measured: lift a whole map by little, and see what the score does.
  const [, convolution] = layers;
  const slopes = [0, 1].map((channel) => {
    let slope = 0;
    for (let cell = 0; cell < 36; cell++) {
      const lifted = Float64Array.from(pass.values[1]);
      lifted[2 * cell + channel] += 1e-6;
      slope += (network.forward(layers.slice(2), lifted).scores[2] - pass.scores[2]) / 1e-6 / 36;
    }
    return slope;
  });
  const maps = network.forward([layers[0], convolution], pixels).values[1];
  const expected = Array.from({ length: 36 }, (_, cell) =>
    Math.max(0, slopes[0] * maps[2 * cell] + slopes[1] * maps[2 * cell + 1]),
  );
  close(Array.from(heat), expected, 1e-4);
});

test("numbers of 16 bits are read as NumPy writes them", () => {
  const bits = [0x0000, 0x3c00, 0xc000, 0x3555, 0x7bff, 0x0001, 0xfc00];
  close(bits.slice(0, 5).map(fromHalf), [0, 1, -2, 0.333251953125, 65504]);
  assert.equal(fromHalf(1), 2 ** -24);
  assert.equal(fromHalf(0xfc00), -Infinity);
});

test("starting weights are those that the package draws from the seed", () => {
  const layers = [{ kind: "convolution", size: 3, inputShape: [8, 8, 1], shape: [6, 6, 2] }];
  // chollet_cnn.training.seeding.glorot_uniform((3, 3, 1, 2), seed=3)
  const drawn = [-0.390653729, -0.248137429, 0.284044236, 0.0774630979, -0.382659227];
  const found = Array.from(startingWeights(layers, 3));
  close(found.slice(0, 5), drawn, 1e-8);
  assert.deepEqual(found.slice(18), [0, 0]);
});

test("the recorded network gives Keras's probabilities for the image of its static picture", async () => {
  const page = readFileSync(new URL("../../results/explorer.html", import.meta.url), "utf8");
  const [, json] = page.match(/<script type="application\/json" id="data">(.*?)<\/script>/s);
  const run = JSON.parse(json);
  const layers = network.withWeights(run.layers, await unpack(run.weights.tested));
  const pixels = (await unpack(run.images.pixels)).subarray(0, 784);
  const found = network.probabilities(network.forward(layers, pixels));
  close(found, run.still.probabilities, 1e-5);
});
